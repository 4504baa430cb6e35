// Echoes datagrams, and text of connections through a Conversation.
#include <weft_conversation.hpp>

namespace {

class Echo final : public weft::app::Conversation {
 public:
  using Conversation::Conversation;

 private:
  std::size_t take(std::string_view text) override {
    out().write(text);
    return text.size();
  }
  bool over() const override { return false; }
};

class Outside {
 public:
  explicit Outside(const weft_app_config&) {}

  void datagram(weft::app::Host host, const weft_datagram& event) {
    const weft_part part = {event.data, event.len};
    weft_send send = {.size = sizeof(weft_send), .endpoint = event.endpoint, .dst = event.src};
    send.dst_port = event.src_port;
    send.parts = &part;
    send.part_count = 1;
    send.token = event.token;
    if (host.send(send) != 0) host.recv_done(event.token);
  }

  void tcp(weft::app::Host host, const weft_tcp_event& event) {
    if (event.kind == WEFT_TCP_NEW) {
      host.mark(event.connection, new Echo(blocks_, event.connection));
    } else if (event.kind == WEFT_TCP_CLEANUP) {
      delete weft::app::marked<Echo>(event);
    } else if (auto* echo = weft::app::marked<Echo>(event)) {
      echo->event(host, event);
    }
  }

 private:
  weft::app::Blocks blocks_;
};

}  // namespace

const weft_app* weft_app_entry() { return weft::app::describe<Outside>("outside"); }
