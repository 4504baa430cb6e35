#include <array>

#include "compiler/diag/code_tables.h"

namespace weft::diag {
namespace {

constexpr std::array table = {
    // Expressions
    CodeText{
        "E0201", "an expression that cannot be read",
        "Operators, from loose to tight: ||, &&, !, comparisons and `in`, |, &, << >>, + -.\n"
        "Comparisons do not chain: write a < b && b < c. Literals are 10, 0x1f, 10.0.0.1,\n"
        "02:00:00:00:00:01, on, off, true, false, unknown, good, bad, none. There is no octal,\n"
        "no division and no negative number."},
    CodeText{"E0202", "unknown field",
             "The name is no header field (graphs/headers/*.yaml), none of the names of\n"
             "graphs/headers/names.yaml (pkt.*, meta.*, desc.*, host.*), and no knob of this card\n"
             "(knob.*). The help line lists the fields with the same first word."},
    CodeText{
        "E0203", "a literal does not fit",
        "A number is compared with a field that has fewer bits, so the comparison would always\n"
        "come out the same. Most often a digit too many, or the wrong field."},
    CodeText{"E0204", "a mask does not fit",
             "Either the mask has bits outside the field, or the masked field is compared with a\n"
             "value that has bits which the mask cuts off: (x & 0xf0) == 0x01 never holds."},
    CodeText{
        "E0205", "a prefix has host bits",
        "`10.0.0.1/8` can mean the address or the network. Write the network with zeros behind\n"
        "its prefix, 10.0.0.0/8, or the address alone with /32."},
    CodeText{
        "E0206", "a number where a condition is meant, or the reverse",
        "`&&`, `||`, `!` and `when:` take conditions: comparisons, has(...), fields of one bit.\n"
        "Arithmetic takes numbers. Addresses are compared with fields of their own width."},
    CodeText{"E0207", "unknown header",
             "has(x) and `headers:` take names of graphs/headers/*.yaml."},
    // Headers
    CodeText{"E0208", "a header's declaration is wrong",
             "A header or field is declared twice, a field reaches beyond the header, or a name\n"
             "lacks its first part. Offsets and widths are in bits, `min_bytes` in bytes."},
    CodeText{
        "E0209", "a header is selected by itself",
        "`selected_by` says when a header is there. It may ask has(another header), but no such\n"
        "question may lead back to where it came from."},
    // Graphs
    CodeText{"E0220", "a port to nowhere",
             "A port, condition or spawn edge leads to a node that the graph does not have. Drop\n"
             "reasons are nodes too: they are declared under `drops:`."},
    CodeText{"E0221", "a node is declared twice",
             "Names are unique over `nodes:` and `drops:` together."},
    CodeText{
        "E0222", "an unreachable node",
        "No packet can come here: from the wires and slots of the graph, no sequence of ports\n"
        "and spawn edges leads to the node. Either a port was meant to lead here, or the node\n"
        "is left over."},
    CodeText{
        "E0223", "a cycle",
        "A packet could go round for ever. Graphs have no loops: every node is run at most once\n"
        "for a packet. What comes again (an answer, a reassembled datagram, a packet that has\n"
        "waited) is a new packet and comes by a spawn edge."},
    CodeText{
        "E0224", "a node leads nowhere",
        "Every node that ends no packet's way says where packets go: `next: NODE`, or `ports:`\n"
        "with a target for each. A node with one way out has `next` or `ports`, not both."},
    CodeText{
        "E0225", "a port of a match has no condition, or two",
        "Each port has `when: \"...\"`, or `otherwise: true` for all that no other port takes.\n"
        "At most one port says otherwise. That ports exclude each other and leave nothing out\n"
        "is proved later, with Z3."},
    CodeText{
        "E0226", "a slot is wrong",
        "Slots are the ways by which packets enter a graph other than from the wire\n"
        "(stack-nodes/slots.h). Packets of one slot are run as a batch of their own, so all\n"
        "nodes that fill it must spawn into the same node; only `reply` and `icmp_error`, which\n"
        "keep the packet's buffer, may begin in several places."},
    CodeText{"E0227", "two conditions with the same id",
             "Each condition of an and / or node is a port of its own, and its id is the port's\n"
             "name. `yes` (of an and) and `no` (of an or) are taken."},
    CodeText{
        "E0228", "a condition without a condition",
        "Each entry of `of:` has `when:` (a predicate over fields), `test:` (a stack node), or\n"
        "both: then it holds when `when` holds, or else when the test says yes."},
    CodeText{
        "E0229", "a header that the graph does not name",
        "`headers:` lists the headers that a protocol graph knows. A predicate that looks into\n"
        "another one is a mistake, or the list is too short."},
    CodeText{"E0230", "sources are wrong",
             "Packets enter a graph at wires and queues with `next`, and at nodes with `slot:`. A\n"
             "graph needs one, and no port may lead back into one."},
    // Cards
    CodeText{"E0240", "a model's name is not its file's",
             "nicmodels/x.yaml holds `nic: x`, so that a plan that names a model names a file."},
    CodeText{
        "E0241", "a config node is wrong",
        "A config node is one unit of a card: one of `reports`, `table`, `rss`, `performs`, or\n"
        "a bare knob. What can be switched has a `knob:` and says how: `offload:` with DPDK's\n"
        "name, or `switch: promiscuous`."},
    CodeText{
        "E0242", "a unit of a card is wrong",
        "A report or request names a field of the descriptor (desc.*), ranges are [low, high],\n"
        "actions and RSS types are named once."},
    CodeText{"E0243", "a card graph has the wrong shape",
             "Receive graphs lead from one wire to one queue node, transmit graphs from one queue\n"
             "node to one wire. In between are match, config, and, or and drop nodes. A table has\n"
             "the ports hit and miss; other units have `next`."},
    CodeText{
        "E0244", "a model without sources",
        "Each model says where its facts are from: datasheet sections, files of the driver. What\n"
        "nobody can check again is not a model."},
    // Workloads
    CodeText{
        "E0250", "an address that no host can have",
        "Group, loopback, reserved and broadcast addresses, 0.0.0.0/8, and the network address\n"
        "of a prefix are nobody's address, so no host has them and no packet comes from them."},
    CodeText{
        "E0251", "netmask or prefix length",
        "An address is written with its prefix length, 10.7.0.2/24, or with a netmask,\n"
        "10.7.0.2/255.255.255.0. A netmask is ones and then zeros (255.255.225.0 is not). The\n"
        "target of a route has zeros behind its prefix."},
    CodeText{
        "E0252", "a gateway that is no neighbour",
        "The gateway, the `via` of a route, and hosts under `neighbours:` are reached directly on\n"
        "the link, so they must lie in the host's subnet and be some other host's address."},
    CodeText{
        "E0253", "a bad Ethernet address",
        "Six bytes of two hex digits. The address of a host is neither zero nor a group address\n"
        "(lowest bit of the first byte). 02:... is free for local use."},
    CodeText{"E0254", "an endpoint that cannot be",
             "A port of an address belongs to one endpoint: a datagram can be delivered only\n"
             "once. (An endpoint with `address:` goes before one for all addresses.) `ecn:` and\n"
             "`congestion:` are TCP's; `groups:`, `class:`, `trust:` and queues are UDP's."},
    CodeText{"E0255", "endpoint missing",
             "A flow names an endpoint that is not declared under `endpoints:`, or there is none."},
    CodeText{"E0256", "a range is reversed", "Ranges are written low-high and include both ends."},
    CodeText{
        "E0257", "a flow is there twice",
        "A flow is one source address and port to one endpoint. Each is declared once, and no\n"
        "flow is in two prefixes. (One flow of a prefix may be named by itself, too.)"},
    CodeText{
        "E0258", "two routes to one prefix",
        "Of two routes to the same prefix one would never be used. `gateway:` is the route to\n"
        "0.0.0.0/0."},
    CodeText{"E0259", "the flows cannot be read",
             "A flow has `port:` or `ports:`, not both, and all together are at most 1,000,000.\n"
             "Prefixes, and hosts with `port: any`, are at most 10,000."},
    CodeText{
        "E0270", "the host's addresses do not fit together",
        "Each address of the host is named once, as `address:` or under `secondary:`, and none\n"
        "is the broadcast address of another one's subnet. At most 1,000,000."},
    CodeText{
        "E0271", "not an address of the host",
        "An endpoint is bound to addresses of the host, and a flow goes to one of them where its\n"
        "endpoint listens. They are declared under `host: {address: ..., secondary: [...]}`."},
    CodeText{
        "E0272", "a group that can't be joined",
        "Groups are 224.0.0.2 to 239.255.255.255, each named once for an endpoint, with at most\n"
        "32 sources under `only:` or `except:`. 224.0.0.1 needs no joining."},
    CodeText{
        "E0273", "wishes for queues that do not fit together",
        "`gold_queues:` belongs to `policy: gold`. An endpoint's `queue:` is where its flows must\n"
        "arrive, a flow's `queue:` lies within that of its endpoint."},
    CodeText{
        "E0274", "a list of flows that cannot be read",
        "The first line of a CSV file names its columns: `from` and `port`, and optionally\n"
        "`endpoint`, `to`, `to_port`, `rate`, `class`, `queue`. Each further line is one flow;\n"
        "nothing is quoted. The path is relative to the workload's folder."},
    CodeText{"E0275", "a machine that cannot be",
             "A machine file lists each CPU once: `cpus: [{cpu: 0, node: 0, core: 0}]`. What\n"
             "`weft host show` prints is one."},
    CodeText{
        "E0276", "objectives that cannot be followed",
        "`objectives: [cores, load]` says what matters most: load, latency, cores, filters, each\n"
        "once; what is not named follows in this order. How few cores will do, and how long "
        "packets\n"
        "take, depends on the machine's clock: such an order needs `weft compile --host FILE`."},
    CodeText{"E0277", "neighbours that do not fit together",
             "Each neighbour whose Ethernet address is given is named once, and there are at most "
             "512."},
    CodeText{
        "E0280", "a way to spread that cannot be meant",
        "`spread:` says what packets reach one queue: `symmetric: on`, `by: [ipv4.src]`, or\n"
        "`together: [{lan: [...], wan: [...]}]` with `port: lan` for ports whose keys are made\n"
        "together. Each list names fields once; the lists of ports that belong together are\n"
        "equally long. See graphs/README.md."},
};

}  // namespace

std::span<const CodeText> meaning_codes() { return table; }

}  // namespace weft::diag
