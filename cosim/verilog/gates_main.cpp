// Drives the bench of gate-level runs and writes SAIF of its running cycles alone: time stands still outside.
#include <cstdio>

#include "Vbench.h"
#include "verilated.h"
#include "verilated_saif_c.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    context.traceEverOn(true);
    Vbench bench(&context);
    VerilatedSaifC saif;
    bench.trace(&saif, 99);
    saif.open("gates.saif");
    vluint64_t time = 0;
    bench.clk = 0;
    bench.eval();  // before it, outputs are random
    while (!bench.done && !context.gotFinish()) {
        for (int level = 1; level >= 0; --level) {
            bench.clk = level;
            bench.eval();
            context.timeInc(500);
            if (bench.running) saif.dump(500 * time++);
        }
    }
    saif.dump(500 * time);
    bench.final();
    saif.close();
    std::printf("words %u mismatches %u first %u cycles %u samples %u\n", bench.words, bench.mismatches,
                bench.first, bench.cycles, bench.samples);
    return 0;
}
