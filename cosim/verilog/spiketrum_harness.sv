// A spiketrum encoder alone: words in from a file, words out to another, with random gaps on both sides.
//
// stimulus.txt has a word a line, in hexadecimal. records.txt gets a line for every word out (w, word), and
// for every time that the encoder was active (a, clocks). It ends some clocks after +ends=N recordings.
module harness;
    reg clk = 0, rst = 1;
    always #5 clk = ~clk;

    integer stimulus, records, p_valid, p_ready, ends, patience, ended = 0, idle = 0, active_clocks = 0;
    reg source_valid = 0, sink_ready = 0, more = 0;
    reg [`SOURCE_BITS-1:0] source_payload = 0, next;
    wire source_ready, sink_valid, active, resting;
    wire [`SINK_BITS-1:0] sink_payload;

    spiketrum encoder (
        .clk(clk), .rst(rst), .source__valid(source_valid), .source__ready(source_ready),
        .source__payload(source_payload), .sink__valid(sink_valid), .sink__ready(sink_ready),
        .sink__payload(sink_payload), .active(active), .resting(resting));

    function automatic bit chance(input integer percent);
        return $urandom_range(99) < percent;
    endfunction

    initial begin
        if (!$value$plusargs("valid=%d", p_valid)) p_valid = 100;
        if (!$value$plusargs("ready=%d", p_ready)) p_ready = 100;
        if (!$value$plusargs("patience=%d", patience)) patience = 10000000;
        if (!$value$plusargs("ends=%d", ends)) $fatal(1, "+ends= is missing");
        stimulus = $fopen("stimulus.txt", "r");
        records = $fopen("records.txt", "w");
        more = $fscanf(stimulus, "%h", next) == 1;
        repeat (3) @(posedge clk);
        rst <= 0;
    end

    always @(posedge clk) if (!rst) begin
        sink_ready <= chance(p_ready);
        if (!source_valid || source_ready) begin
            source_valid <= 0;
            source_payload <= $urandom;
            if (more && chance(p_valid)) begin
                source_valid <= 1;
                source_payload <= next;
                more = $fscanf(stimulus, "%h", next) == 1;
            end
        end
        idle = idle + 1;
        if (sink_valid && sink_ready) begin
            $fwrite(records, "w %h\n", sink_payload);
            idle = 0;
            if (sink_payload[1:0] == 2) ended = ended + 1;
        end
        if (active) active_clocks = active_clocks + 1;
        else if (active_clocks != 0) begin
            $fwrite(records, "a %0d\n", active_clocks);
            active_clocks = 0;
        end
        if (idle > (ended >= ends ? 1000 : patience)) begin
            $fclose(records);
            $finish;
        end
    end
endmodule
