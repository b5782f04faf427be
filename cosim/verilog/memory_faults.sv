// Goes into the build's own spikewright_memory, before its endmodule, in runs that inject faults: a bit that
// flips once, a bit that is stuck, and a report of all words to the probe's file.
    reg fault_stuck = 1'b0, fault_value = 1'b0;
    integer fault_word = 0, fault_bit = 0, fault_index, fault_part;
    reg [55:0] fault_bits;

    task flip(input integer at, input integer place);
        words[at] <= words[at] ^ ({{(WIDTH-1){1'b0}}, 1'b1} << place);
    endtask

    task stick(input integer at, input integer place, input value);
        begin
            fault_word = at;
            fault_bit = place;
            fault_value = value;
            fault_stuck = 1'b1;
        end
    endtask

    // A write comes at the other edge: what stands in the cell is wrong before anyone reads it.
    always @(negedge clk)
        if (fault_stuck) begin
            if (fault_value) words[fault_word] <= words[fault_word] | ({{(WIDTH-1){1'b0}}, 1'b1} << fault_bit);
            else words[fault_word] <= words[fault_word] & ~({{(WIDTH-1){1'b0}}, 1'b1} << fault_bit);
        end

    task report(input [7:0] tag);
        for (fault_index = 0; fault_index < DEPTH; fault_index = fault_index + 1)
            for (fault_part = 0; fault_part < WIDTH; fault_part = fault_part + 56) begin
                fault_bits = words[fault_index] >> fault_part;
                $fwrite(harness.probe, "%u", {fault_bits, tag});
            end
    endtask
