#include <array>

#include "compiler/diag/code_tables.h"

namespace weft::diag {
namespace {

constexpr std::array table = {
    // Nodes of a graph against their declarations
    CodeText{
        "E0301", "unknown stack node",
        "`impl:`, `test:`, `fact:`, `effect:` and `request:` name stack nodes, which are written\n"
        "in C++ under stack-nodes/. `weft nodes` lists them."},
    CodeText{
        "E0302", "a test where an effect is meant, or the reverse",
        "Tests answer yes or no and change nothing; effects change the packet or state. An and /\n"
        "or node and `kind: test` take tests, `kind: effect` takes effects."},
    CodeText{
        "E0303", "a port that the stack node does not have",
        "The ports of an effect are those that its declaration lists; the help line names them."},
    CodeText{"E0304", "a port of the stack node is left out",
             "Every port that a node can take leads somewhere, or packets would vanish."},
    CodeText{"E0305", "a slot that the stack node never fills",
             "Only slots that the node's declaration lists under `spawns` may be bound at it."},
    CodeText{
        "E0306", "a slot of the stack node is left out",
        "The node starts packets of its own in this slot, and the graph does not say where they\n"
        "go. Add a spawn edge: `spawn: {SLOT: NODE}`."},
    CodeText{
        "E0307", "unknown slot",
        "Slots are listed in stack-nodes/slots.h: the ways by which packets enter a graph other\n"
        "than from the wire."},
    CodeText{
        "E0308", "the graph does not take what the workload names",
        "The workload names flows or endpoints of a protocol for which the protocol graph has no\n"
        "node. Flows over IPv6 are read and checked, and need a graph whose headers include ipv6;\n"
        "endpoints of TCP need one with `tcp.receive` (host_ipv4)."},
    // Verifying graphs
    CodeText{
        "E0401", "two ports of a match overlap",
        "Z3 found a packet for which the conditions of both ports hold; the message shows it.\n"
        "Ports have no order, so it would be open where the packet goes. Make the conditions\n"
        "exclude each other, or let one port say `otherwise: true`."},
    CodeText{
        "E0402", "the ports of a match leave packets out",
        "Z3 found a packet for which no port's condition holds; the message shows it. Add a port\n"
        "with `otherwise: true`."},
    CodeText{"E0403", "a port that no packet takes",
             "From all that is known on the way here, the port's condition never holds. Either an\n"
             "earlier node takes those packets already, or the condition is wrong."},
    CodeText{"E0404", "a field is read where the frame may be too short",
             "On some way to this node nothing has checked that the frame is long enough for the\n"
             "field. Put a length check in front: in an `and` node, an earlier condition."},
    CodeText{
        "E0405", "a precondition may not hold",
        "The stack node declares what must hold on every way to it (a checked length, a parsed\n"
        "header), and on some way it does not."},
    // Plans and the command line
    CodeText{
        "E0410", "assumptions contradict each other",
        "Before anything is proved, Z3 is asked whether any packet satisfies the assumptions. "
        "None\n"
        "does, so every proof would succeed and mean nothing. Check the model's `evidence` and\n"
        "the workload's host."},
    CodeText{"E0451", "a value in a plan is wrong",
             "Plans are written by `weft compile`. One that cannot be read was damaged or made by\n"
             "another version: compile it again."},
    CodeText{"E0452", "a plan names an unknown field",
             "A filter matches on a field that graphs/headers/ does not declare. Compile again."},
    CodeText{
        "E0453", "a plan was edited after it was proved",
        "The proof record holds the SHA-256 of the plan's content, and it is not this content's.\n"
        "Plans are not edited by hand: change the inputs and compile again."},
    CodeText{
        "E0454", "a plan was made from other inputs",
        "The plan records the SHA-256 of graph, model, workload and headers, and one of them is\n"
        "another file now. Compile again, or give the files that it was made from."},
    CodeText{"E0455", "a plan cannot be written",
             "Nothing was changed: plans are written to a temporary file first, then renamed."},
    CodeText{
        "E0456", "no such file or installed name",
        "Where a graph, model or workload is wanted, weft takes a path, or the name of one that\n"
        "is installed with it. The help line lists the names."},
    CodeText{
        "E0457", "a plan is not proved",
        "Only proved plans run. Compile without --no-proof, or say --unproved if you know why."},
    CodeText{"E0458", "a plan is not equal to its protocol graph",
             "Z3 found a packet with which card and residue together do something else than the\n"
             "protocol graph says. It is printed field by field."},
    CodeText{
        "E0459", "a packet's description cannot be read",
        "A packet is described as: udp from 10.7.0.1:40000 to 10.7.0.2:7, with len, vlan, ttl and\n"
        "fragment behind it where wanted."},
    CodeText{"E0460", "no such node, queue or code", "The help line lists what there is."},
    CodeText{"E0461", "a capture file cannot be used",
             "The file is missing, cannot be written, or is no pcap file of Ethernet frames."},
    CodeText{
        "E0462", "a helper program is missing or failed",
        "Some output needs another program (graphviz for pictures). The help line has the command\n"
        "that installs it."},
    CodeText{
        "E0463", "weft-runtime is missing",
        "Running packets is the work of weft-runtime, which lies beside weft and is built where\n"
        "DPDK is installed. Checking, compiling and verifying need only weft."},
    CodeText{"E0464", "not a file of weft's",
             "`weft check` tells files apart by their first key: graph, nic, workload,\n"
             "machine or plan."},
    CodeText{"E0465", "no running stack, or several",
             "weft stats and weft drops ask a running stack over a unix socket that only its user\n"
             "can open: run them as the same user, and name the stack where several run."},
    CodeText{"E0466", "a running stack did not answer as expected",
             "It was silent for 5 seconds, ended meanwhile, or is of another version of weft."},
    CodeText{
        "E0467", "nothing useful could be measured",
        "weft profile runs the stack over a wire inside the process. It needs weft-runtime, a\n"
        "workload with flows, and a machine that is not too busy with other things."},
    CodeText{
        "E0468", "no such network interface",
        "The help line lists the interfaces of this network namespace. A card that weft drives\n"
        "itself (pci:) has none; write its `nic_node:` by hand."},
    // Generating and building
    CodeText{
        "E0501", "a plan was made from other inputs",
        "The plan records the SHA-256 of graph, model, workload and headers, and one of them is\n"
        "another file now. Compile again, or give the files that it was made from."},
    CodeText{
        "E0502", "a plan's host or endpoints are not the workload's",
        "Addresses and endpoints are copied into the plan when it is compiled. Compile again."},
    CodeText{"E0503", "a plan uses what the card does not have",
             "The model has no such table or knob. Compile the plan again for this model."},
    CodeText{"E0504", "a table of the card is overfull",
             "The plan holds more rules than the table takes. Compile the plan again."},
    CodeText{"E0505", "a plan names queues that are not there",
             "A rule, the RSS table or the plan itself uses more queues than the card has."},
    CodeText{"E0506", "a rule that the card's table cannot hold",
             "The table does not look at the field, or not with this mask."},
    CodeText{"E0507", "rules with different masks in one table",
             "All rules of this table share one mask, and the plan has two."},
    CodeText{"E0508", "a rule lacks what its table asks for",
             "The table wants a priority of a certain range, or a mark."},
    CodeText{"E0509", "queues, residues and cores do not match up",
             "Every queue is run by exactly one residue on exactly one core."},
    CodeText{"E0510", "no C++ compiler",
             "`weft build` runs the system's compiler: apt-get install g++. Without it, the\n"
             "interpreter runs the same plan, slower."},
    CodeText{"E0511", "the cache of generated code cannot be trusted",
             "Code is loaded only from a folder and files that nobody but its owner can write."},
    CodeText{"E0512", "the cache of generated code cannot be used",
             "Reading or writing a file of the cache failed: permissions, or a full disk."},
    CodeText{"E0513", "the compiler refused the generated code",
             "This is a bug of weft. The message names the file; please report it with the plan."},
    CodeText{
        "E0514", "weft's own headers are missing",
        "Generated code includes headers of weft's source folder. WEFT_ROOT and WEFT_GENERATED\n"
        "say where they are when weft was moved."},
    CodeText{
        "E0515", "an expression that has no C++ form",
        "The residue compares something that no packet carries: a card's knob, or a value that is\n"
        "opaque by declaration. Such names are settled before code is generated, so the plan was\n"
        "made by another version: compile it again."},
    CodeText{"E0516", "a number wider than 64 bits",
             "Generated code computes in 64 bits. No field of graphs/headers/ has more."},
    CodeText{"E0517", "a card's node in a residue",
             "Config nodes and queues belong to card graphs and cannot be run as software."},
    CodeText{"E0518", "the plan names an unknown stack node",
             "The plan was made by another version of weft: compile it again."},
    CodeText{"E0519", "a residue has a cycle",
             "The plan was damaged or made by another version of weft: compile it again."},
    CodeText{"E0520", "generated code cannot be loaded",
             "The object is missing, damaged or made for another weft, DPDK or CPU. Remove it;\n"
             "`weft build` makes it again."},
    CodeText{
        "E0521", "a plan does not spread packets as the workload asks",
        "The workload's `spread:` says which packets reach one queue. The hash is linear, so it\n"
        "is enough to look at packets with a single bit set; the message shows one that goes\n"
        "astray. Compile the plan again."},
    CodeText{
        "E0522", "a plan's memory is not what queues and processes need",
        "Each queue fills one region of buffers. One that belongs to a trust group is filled by\n"
        "rules for that group alone, and a process maps no region in which packets of another "
        "group\n"
        "may lie: it gets copies. Numbers of buffers follow from queues, cores, rates and sizes.\n"
        "Compile the plan again."},
    CodeText{"E0523", "a plan does not keep what the workload asks for",
             "Queues that an endpoint or a flow asks for (`queue:`), queues for itself "
             "(`exclusive:`), its\n"
             "trust group's or its class's, a core, a placement: the plan has it otherwise, or a "
             "packet\n"
             "arrives elsewhere. Compile the plan again."},
    // The machine, ports, running
    CodeText{"E0600", "not a wire",
             "Wires are named tap:NAME, af_packet:INTERFACE, pcap:IN,OUT or sim:IN,OUT."},
    CodeText{"E0601", "a capture cannot be read", "A pcap file of Ethernet frames is wanted."},
    CodeText{"E0602", "a capture cannot be written", "Check the folder, permissions and the disk."},
    CodeText{"E0610", "a setting that this card does not know",
             "The plan switches a knob or RSS type that the model or DPDK does not have."},
    CodeText{"E0611", "a filter that has no rte_flow form",
             "The plan's filter matches on a field for which DPDK has no pattern item here."},
    CodeText{"E0612", "the port cannot honour the plan",
             "The port reports less than the plan needs: queues, offloads, RSS, table size. "
             "Nothing was\n"
             "changed. Compile for the model of this card; `weft nic list` shows the models."},
    CodeText{"E0613", "the card refused",
             "A step of setting up the card failed; the message has DPDK's words. What had been "
             "set was\n"
             "taken back."},
    CodeText{"E0620", "an expression that cannot be run",
             "A predicate of the residue names something that no packet carries. Compile again."},
    CodeText{"E0621", "a node that cannot be run",
             "The residue names a stack node that this version lacks, or with other ports."},
    CodeText{
        "E0630", "no such application",
        "`app:` is a name of runtime/apps or the path of a shared object. The help line names the\n"
        "folders that were searched."},
    CodeText{
        "E0631", "an application cannot be loaded",
        "The shared object is damaged, has no entry point, or was built for another version of\n"
        "runtime/apps/weft_app.h."},
    CodeText{"E0632", "an application refused its endpoint",
             "The application's own start function said no to this endpoint."},
    CodeText{
        "E0640", "a predicate that a card cannot evaluate",
        "The model names something that a card cannot see (meta.*), or a header that is defined\n"
        "by itself."},
    CodeText{
        "E0641", "a table or RSS type that cannot be emulated",
        "A filter or RSS type of the model reads a field that a card cannot see, or is one that\n"
        "DPDK does not name."},
    CodeText{"E0642", "a unit of the card that cannot be emulated",
             "The emulated card has no code for this report, offload or effect of the model."},
    CodeText{"E0643", "a card graph that cannot be walked",
             "The model's graph has no wire, a port that leads nowhere, or a cycle."},
    CodeText{"E0650", "no memory for packet buffers or rings",
             "Give the machine more memory or huge pages, or compile for fewer queues."},
    CodeText{
        "E0651", "a plan does not fit together",
        "Residues, queues and cores of the plan do not match each other. Compile it again; if it\n"
        "was not edited, this is a bug of weft."},
    CodeText{"E0652", "cores are missing",
             "DPDK was started with fewer workers than the plan has net cores."},
    CodeText{"E0653", "a device cannot be made",
             "DPDK refused to make the device behind the wire; the note has its words. Most often\n"
             "rights are missing (root, or CAP_NET_ADMIN and CAP_NET_RAW), or the interface."},
    CodeText{"E0654", "DPDK does not start",
             "`weft doctor` names what is missing on this machine."},
    CodeText{"E0655", "a wire does not start", "The message has DPDK's words; see `weft doctor`."},
    CodeText{
        "E0656", "a placement that cannot be run yet",
        "The plan wants an application on a core of its own (dedicated), or the stack of its\n"
        "flows cut over several cores (pipelined). Today applications run to completion on the\n"
        "net core; `weft explain PLAN ENDPOINT` says what each way would cost."},
    CodeText{"E0660", "the plan is being run, or its folder is not private",
             "One stack per name: the message has the process that holds it. The folder of the\n"
             "statistics socket must belong to the user, and to nobody else."},
    CodeText{
        "E0661", "the statistics socket cannot be used",
        "`weft stats` and `weft drops` ask the running stack over a socket; the message says what\n"
        "failed."},
    CodeText{
        "E0662", "a device vanished",
        "The interface was removed or went down for good while the stack ran. Counters up to then\n"
        "were printed. Start weft again when the interface is back."},
    CodeText{
        "E0663", "an address is in use",
        "`probe: on` asks the link for the host's addresses before they are used (RFC 5227), and\n"
        "another host has answered, or is about to use the address too. Nothing was sent from it.\n"
        "The message has the other host's Ethernet address: end it there, or take another one."},
    // Changing what runs
    CodeText{
        "E0670", "a running stack cannot be changed to this plan",
        "Flows, rules, the indirection table, residues of queues and endpoints change while "
        "packets\n"
        "flow. The host, the queues and their cores, switches of the card and its RSS key do not:\n"
        "end the stack and start the new plan."},
    CodeText{
        "E0671", "an operation does not fit the running plan",
        "What it adds is there already, or what it removes is not. Somebody else may have changed\n"
        "the stack meanwhile: look at what runs now (weft plan) and try again."},
    CodeText{"E0672", "an operation failed on the running stack",
             "What had been done of the list was taken back: the stack runs the plan that it ran "
             "before.\n"
             "The message says which operation failed, and what the card or the application said."},
    CodeText{"E0673", "a state between two plans is not proved",
             "Every plan in between must treat packets as the protocol graph says, those in flight "
             "too.\n"
             "Nothing was applied. The message says which operation it would be, and why."},
    CodeText{
        "E0674", "the stack was changed by somebody else",
        "The list of operations was made for the plan that ran before. Nothing was applied; it is\n"
        "made again from what runs now."},
    CodeText{"E0675", "a failed operation could not be taken back completely",
             "The message says what is missing. Flows without their rule are handed over to their "
             "queue;\n"
             "`weft plan` shows what runs now, and applying the old plan again mends it."},
    CodeText{"E0676", "not a flow or endpoint that can be added, moved or removed",
             "Flows are named by the address and port they come from and by their endpoint:\n"
             "weft flow add echo 10.7.0.1:40000"},
    CodeText{
        "E0677", "no planner serves the stack",
        "What applications ask for while the stack runs is decided and proved by a planner that\n"
        "stays beside it: weft plan --serve --stack NAME. Without one, the application is told "
        "so."},
    CodeText{
        "E0700", "the compiler's own plan does not prove",
        "A bug of weft, or a contradiction in the model. Nothing was written. Please report it\n"
        "with the three input files."},
    // Choosing
    CodeText{
        "E0801", "no plan: rules",
        "Flows that have queues of their own (gold, exclusive, a trust group, a core) or must\n"
        "arrive on a certain queue need rules in the card's tables. Z3 has shown that the facts\n"
        "named cannot hold together, and that none of them can be left out."},
    CodeText{
        "E0802", "no plan: queues",
        "Queues of one's own need queues, beside those for everybody else, and a card that keeps\n"
        "what no rule matches away from them."},
    CodeText{"E0803", "no plan: a wish for a queue or a core",
             "A queue or core is wanted that is not there, or that is somebody else's alone."},
    CodeText{
        "E0804", "no plan: the machine is too slow",
        "With the costs of nodes and the clock of the machine file, a core would have more to do\n"
        "than it can, or an endpoint's packets would wait longer than its `p99:` allows (a queue\n"
        "with constant service times, M/D/1, on the core that runs it)."},
    CodeText{
        "E0805", "no plan: memory",
        "Packet buffers for all queues and cores take more memory than `memory:` of the machine\n"
        "file leaves for them."},
    // What cannot be had
    CodeText{
        "E0811", "the card cannot spread as the workload asks",
        "`spread:` needs a card whose RSS key can be set. The note shows the line of the model\n"
        "that says it cannot."},
    CodeText{
        "E0812", "no hash type for what is to be spread by",
        "The card hashes certain sets of fields; none of them holds all that `spread:` names."},
    CodeText{
        "E0813", "no key does all that is asked",
        "What is asked of a key are linear equations over its bits. Those that are named together\n"
        "contradict each other, or leave nothing of some field that could change the queue;\n"
        "without any one of them the rest can be had."},
};

}  // namespace

std::span<const CodeText> later_codes() { return table; }

}  // namespace weft::diag
