#include "compiler/passes/flow_terms.h"

#include "compiler/passes/resolve.h"

namespace weft::passes {

KeyTerms key_terms(Symbolic& symbolic) {
  const auto* decl = decl_of("udp.find_flow");
  KeyTerms out;
  out.key = symbolic.terms(decl->key, State{});
  const Lookup flow = symbolic.default_lookup(*decl, out.key);
  out.hit = flow.hit;
  out.endpoint = flow.result;
  out.owner = symbolic.session().apply("udp_flows/owner", out.key, 16);
  return out;
}

}  // namespace weft::passes
