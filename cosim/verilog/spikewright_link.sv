// Stands in for the link of rtl/verilog in stalled runs: every stream has random gaps. With
// +stall=N a word is held back with probability N/256 a cycle; a word once shown stays shown.
`timescale 1ns / 1ps
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
    reg [31:0] state;
    reg [7:0] threshold;
    reg open;
    reg [8*256-1:0] path;
    integer i, seed, threshold_arg;

    initial begin
        // Every link has a sequence of its own: its place in the design and +seed choose it.
        if (!$value$plusargs("stall=%d", threshold_arg)) threshold_arg = 0;
        if (!$value$plusargs("seed=%d", seed)) seed = 0;
        threshold = threshold_arg[7:0];
        $sformat(path, "%m");
        state = 32'h9e3779b9 ^ seed;
        for (i = 0; i < 256; i = i + 1) state = (state ^ {24'd0, path[8*i +: 8]}) * 32'd16777619;
        if (state == 0) state = 1;
        open = 0;
    end

    function [31:0] scrambled(input [31:0] x);  // xorshift32
        reg [31:0] y;
        begin
            y = x ^ (x << 13);
            y = y ^ (y >> 17);
            scrambled = y ^ (y << 5);
        end
    endfunction

    always @(posedge clk) begin
        state <= scrambled(state);
        open <= (open && source_valid && !sink_ready) || (state[15:8] >= threshold);
    end

    assign sink_valid = source_valid && open && !rst;
    assign source_ready = sink_ready && open && !rst;
    assign sink_payload = source_payload;
endmodule
