// The cut point of every stream of a chip: a wire (spikewright/rtl/link.py). Replace this one module by
// pipeline registers, or, as co-simulation does, by random gaps.
module spikewright_link #(
    parameter WIDTH = 8
) (
    input wire clk,
    input wire rst,
    input wire source_valid,
    output wire source_ready,
    input wire [WIDTH-1:0] source_payload,
    output wire sink_valid,
    input wire sink_ready,
    output wire [WIDTH-1:0] sink_payload
);
    assign sink_valid = source_valid;
    assign source_ready = sink_ready;
    assign sink_payload = source_payload;
endmodule
