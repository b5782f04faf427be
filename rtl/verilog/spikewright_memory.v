// The memory of every core: one synchronous read port, one write port (spikewright/rtl/memory.py says
// the same in Amaranth). Replace this one module by an SRAM macro or a vendor's RAM.
module spikewright_memory #(
    parameter WIDTH = 8,
    parameter DEPTH = 16,
    parameter ADDRESS_BITS = 4,
    parameter CONTENTS = "",  // file for $readmemh, or empty
    parameter STYLE = "auto"  // "block" where block RAM is to be preferred
) (
    input wire clk,
    input wire write_enable,
    input wire [ADDRESS_BITS-1:0] write_address,
    input wire [WIDTH-1:0] write_data,
    input wire read_enable,
    input wire [ADDRESS_BITS-1:0] read_address,
    output reg [WIDTH-1:0] read_data
);
    // No core reads a word in the cycle that writes it: tools need not provide for that.
    (* no_rw_check, ram_style = STYLE *)
    reg [WIDTH-1:0] words [0:DEPTH-1];
    initial if (CONTENTS != "") $readmemh(CONTENTS, words);
    always @(posedge clk) begin
        if (write_enable) words[write_address] <= write_data;
        if (read_enable) begin
            read_data <= words[read_address];
`ifndef SYNTHESIS
            // Whoever relies on such a read after all is found out in simulation.
            if (write_enable && write_address == read_address) read_data <= ~write_data ^ words[read_address];
`endif
        end
    end
endmodule
