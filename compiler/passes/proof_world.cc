#include "compiler/passes/proof_world.h"

#include "compiler/passes/addresses.h"
#include "compiler/passes/descriptor_terms.h"
#include "compiler/passes/facts.h"
#include "compiler/passes/reach.h"
#include "compiler/passes/resolve.h"

namespace weft::passes {

using smt::Term;

namespace {

void assume_host(Symbolic& symbolic, const ir::Workload& workload) {
  smt::Session& session = symbolic.session();
  const ir::HostConfig& host = workload.host;
  const std::pair<const char*, ir::Bits> values[] = {{"host.mac", host.mac},
                                                     {"host.address", host.address},
                                                     {"host.broadcast", host.broadcast()},
                                                     {"host.vlan_id", host.vlan_id},
                                                     {"host.mtu", host.mtu},
                                                     {"host.forwarding", host.forwarding ? 1 : 0},
                                                     {"host.multicast", host.multicast ? 1 : 0}};
  for (const auto& [name, value] : values) {
    const Term t = symbolic.initial(name);
    session.add(session.equal(t, session.number(value, session.width(t))));
  }
  for (const Term& fact : address_facts(symbolic, workload)) session.add(fact);
}

}  // namespace

ProofWorld::ProofWorld(const plan::Plan& plan, const Inputs& inputs, TableFacts facts,
                       const Suspect* suspect)
    : plan(plan),
      in(inputs),
      facts(std::move(facts)),
      shards(plan, suspect),
      symbolic(session, inputs.fields) {
  for (const auto& [knob, on] : plan.configuration.knobs) symbolic.fix("knob." + knob, on ? 1 : 0);
  assume_host(symbolic, inputs.workload);
}

Term ProofWorld::of_flow(const FlowKey& key) {
  std::vector<Term> all;
  for (const char* field : {"ipv4.src", "udp.src_port", "ipv4.dst", "udp.dst_port"}) {
    const Term t = symbolic.initial(field);
    all.push_back(session.equal(t, session.number(field_of(key, field), session.width(t))));
  }
  return session.all_of(all);
}

void ProofWorld::leave_out(const Suspect& flow) { session.add(session.negate(of_flow(flow.key))); }

void ProofWorld::pin(const Suspect& flow) {
  pinned = flow.key;
  const KeyTerms key = key_terms(symbolic);
  session.add(of_flow(flow.key));
  session.add(flow.endpoint ? key.hit : session.negate(key.hit));
  if (flow.endpoint) session.add(session.equal(key.endpoint, session.number(*flow.endpoint, 16)));
  // The flow's destination port is an endpoint or is not; its answer is known.
  const auto* find_port = decl_of("udp.find_port");
  const Lookup port = symbolic.default_lookup(*find_port, symbolic.terms(find_port->key, State{}));
  const std::optional<unsigned> endpoint =
      ir::endpoint_at(in.workload.endpoints, flow.key.dst, flow.key.dst_port);
  session.add(endpoint ? port.hit : session.negate(port.hit));
  if (endpoint) session.add(session.equal(port.result, session.number(*endpoint, 16)));
}

void ProofWorld::assume_answers() {
  for (const Term& t : card_answers(symbolic, in.nic, plan)) session.add(t);
}

void ProofWorld::assume_length() {
  session.add(
      session.less_equal(symbolic.initial("pkt.len"), session.number(longest_frame(in.nic), 16)));
}

State ProofWorld::fresh(bool from_wire) {
  State s;
  for (const char* request : {"desc.tx_ip_cksum", "desc.tx_l4_cksum", "desc.tx_tcp_cksum",
                              "desc.tx_segment", "desc.tx_vlan"}) {
    s.values[request] = session.number(0, 1);
  }
  if (!from_wire) {
    s.values["desc.ip_cksum"] = session.number(0, 2);
    s.values["desc.l4_cksum"] = session.number(0, 2);
    s.values["desc.mark_valid"] = session.number(0, 1);
  } else {
    s.values["meta.cast"] = session.number(0, 2);
  }
  s.shard = session.variable("queue", 16);
  return s;
}

Leaves ProofWorld::wanted() {
  return leaves_of(symbolic, in.graph, *receive_entry(in.graph), fresh(true));
}

}  // namespace weft::passes
