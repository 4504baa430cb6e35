// An HTTP/1.1 file server: connections of the stack become sessions. Where its files are says
// WEFT_HTTP_ROOT; they are read once, when the stack starts, and sent from where they lie.
#include "server.h"

namespace http {

class Plain final : public Server {
 public:
  explicit Plain(const weft_app_config&) {}

 private:
  Connection* make(Shared& shared, std::uint64_t number) override {
    return new Connection(shared, number);
  }
};

}  // namespace http

extern "C" const weft_app* weft_app_entry() { return weft::app::describe<http::Plain>("http"); }
