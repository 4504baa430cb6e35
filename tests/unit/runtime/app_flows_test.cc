// Flows and endpoints that applications ask for: what becomes a request, in which words; what is
// refused at once; and that an answer finds who asked, or nobody.
#include <cerrno>
#include <cstddef>

#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

constexpr std::uint32_t second_ip = 0x0a070003;

weft_flow flow() {
  return {.size = sizeof(weft_flow), .endpoint = 0, .src = client_ip, .src_port = 40000};
}

plan::Plan quickstart() {
  static const plan::Plan plan = compiled("none");
  return plan;
}

// Runs `act` in the event of one datagram; then what it has asked for lies in `mail`.
class Asking {
 public:
  explicit Asking(plan::Plan plan = quickstart(), bool served = true)
      : stack_(plan, "none", {arp_request(), build(to_echo(40000, {'a'}))}, "asks") {
    app.on_answer = [this](const weft_host&, const weft_answer& event) {
      EXPECT_EQ(event.size, sizeof(weft_answer));
      EXPECT_EQ(event.endpoint, 0u) << "that asked";
      told.push_back({event.cookie, event.outcome, event.queue, event.reason});
    };
    mail.bell = [this] { ++rung; };
    if (served) apps().mail = &mail;
  }
  void run(const std::function<void(const weft_host&)>& act) {
    app.on_datagram = [&](const weft_host& host, const weft_datagram& event) {
      act(host);
      EXPECT_EQ(host.recv_done(host.context, event.token), 0);
    };
    stack_.run(0);
    app.on_datagram = nullptr;
  }
  void datagram(const std::function<void(const weft_host&)>& act) {
    stack_.inject({build(to_echo(40000, {'a'}))});
    run(act);
  }
  void answer(const apps::Answer& answer) {
    ASSERT_TRUE(mail.answers.put(answer));
    stack_.engine().poll_all();
  }
  std::vector<apps::Request> requests() {
    std::vector<apps::Request> out;
    for (apps::Request r; mail.requests.take(r);) out.push_back(r);
    return out;
  }
  apps::AppHost& apps() { return stack_.engine().cores()[0]->apps(); }
  engine::NetCore& core() { return *stack_.engine().cores()[0]; }

  struct Told {
    std::uint64_t cookie;
    std::uint32_t outcome, queue;
    std::string reason;
    bool operator==(const Told&) const = default;
  };
  TestApp app;
  apps::Mailbox mail;
  std::vector<Told> told;
  unsigned rung = 0;

 private:
  SimStack stack_;
};

TEST(AppFlows, BecomeRequestsInTheWordsOfThePlanner) {
  plan::Plan plan = quickstart();
  plan.host.secondary = {{second_ip, 24}};
  plan.endpoints[0].ports = 3;
  Asking asking(plan);
  asking.run([](const weft_host& host) {
    weft_flow f = flow();
    EXPECT_EQ(host.flow_add(host.context, &f), 0);
    EXPECT_EQ(host.flow_remove(host.context, &f), 0);
    f.dst = second_ip;
    f.dst_port = 9;
    f.rate = 999'999'999'999;
    f.flags = WEFT_FLOW_GOLD | WEFT_FLOW_QUEUE;
    f.queue = 2;
    EXPECT_EQ(host.flow_add(host.context, &f), 0);
    f.flags = WEFT_FLOW_NORMAL;
    f.queue = 0;
    EXPECT_EQ(host.flow_add(host.context, &f), 0);
  });
  EXPECT_EQ(asking.rung, 4u);
  std::vector<std::string> words;
  for (const auto& r : asking.requests()) words.push_back(r.words);
  EXPECT_EQ(words,
            (std::vector<std::string>{
                "add flow echo 10.7.0.1:40000 to 10.7.0.2:7",
                "remove flow 10.7.0.1:40000 to 10.7.0.2:7 of echo",
                "add flow echo 10.7.0.1:40000 to 10.7.0.3:9 rate 999999999999 class gold queue 2",
                "add flow echo 10.7.0.1:40000 to 10.7.0.3:9 rate 999999999999 class normal"}));
}

TEST(AppFlows, NonsenseIsRefusedAtOnce) {
  Asking asking;
  asking.run([](const weft_host& host) {
    const auto result = [&](const std::function<void(weft_flow&)>& edit) {
      weft_flow f = flow();
      edit(f);
      const int added = host.flow_add(host.context, &f);
      EXPECT_EQ(host.flow_remove(host.context, &f), added);
      return added;
    };
    EXPECT_EQ(host.flow_add(host.context, nullptr), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.size = offsetof(weft_flow, cookie); }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.endpoint = 1; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.src = 0; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.src_port = 0; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.flags = 8; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.flags = WEFT_FLOW_GOLD | WEFT_FLOW_NORMAL; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.queue = 1; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.reserved = 1; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.rate = 1'000'000'000'000; }), -EINVAL);
    EXPECT_EQ(result([](weft_flow& f) { f.dst = client_ip; }), -EADDRNOTAVAIL);
    EXPECT_EQ(result([](weft_flow& f) { f.dst_port = 8; }), -EADDRNOTAVAIL);
  });
  EXPECT_TRUE(asking.requests().empty());
}

TEST(AppEndpoints, BecomeRequestsWhereTheyMakeSense) {
  plan::Plan plan = quickstart();
  plan.endpoints[0].app = "apps/test.so";
  Asking asking(plan);
  asking.run([](const weft_host& host) {
    const auto add = [&](const char* name, std::uint16_t port, std::uint32_t flags = 0) {
      const weft_endpoint e = {
          .size = sizeof e, .endpoint = 0, .name = name, .port = port, .flags = flags};
      return host.endpoint_add(host.context, &e);
    };
    EXPECT_EQ(add("more_2", 1007), 0);
    EXPECT_EQ(add("web", 80, WEFT_ENDPOINT_TCP), 0);
    EXPECT_EQ(add(std::string(64, 'a').c_str(), 9), 0);
    EXPECT_EQ(add(std::string(65, 'a').c_str(), 9), -EINVAL);
    for (const char* name : {"", "two words", "a\nb", "a-b", "ä"}) EXPECT_EQ(add(name, 9), -EINVAL);
    EXPECT_EQ(add(nullptr, 9), -EINVAL);
    EXPECT_EQ(add("port", 0), -EINVAL);
    EXPECT_EQ(add("flags", 9, 2), -EINVAL);
    weft_endpoint e = {.size = sizeof e, .endpoint = 0, .name = "more_2"};
    EXPECT_EQ(host.endpoint_remove(host.context, &e), 0);
    e.endpoint = 1;
    EXPECT_EQ(host.endpoint_remove(host.context, &e), -EINVAL);
    e.size = offsetof(weft_endpoint, cookie);
    EXPECT_EQ(host.endpoint_remove(host.context, &e), -EINVAL);
    EXPECT_EQ(host.endpoint_remove(host.context, nullptr), -EINVAL);
  });
  std::vector<std::string> words;
  for (const auto& r : asking.requests()) words.push_back(r.words);
  EXPECT_EQ(words, (std::vector<std::string>{
                       "add endpoint more_2 udp 1007 app apps/test.so",
                       "add endpoint web tcp 80 app apps/test.so",
                       "add endpoint " + std::string(64, 'a') + " udp 9 app apps/test.so",
                       "remove endpoint more_2"}));
}

// One that is bound to the address is found there before one that listens on all.
TEST(AppFlows, ASocketIsWhoseADatagramWouldBe) {
  plan::Plan plan = quickstart();
  plan.host.secondary = {{second_ip, 24}};
  plan.endpoints.push_back(
      {.name = "second", .port = plan.endpoints[0].port, .app = "test", .address = second_ip});
  Asking asking(plan);
  asking.run([](const weft_host& host) {
    weft_flow f = flow();
    f.dst = second_ip;
    EXPECT_EQ(host.flow_add(host.context, &f), -EADDRNOTAVAIL);
    f.endpoint = 1;  // the same application's
    EXPECT_EQ(host.flow_add(host.context, &f), 0);
    f.dst = 0;
    EXPECT_EQ(host.flow_add(host.context, &f), 0);
    f.dst = host_ip;
    EXPECT_EQ(host.flow_add(host.context, &f), -EADDRNOTAVAIL);
  });
  const auto requests = asking.requests();
  EXPECT_EQ(requests.size(), 2u);
  for (const auto& r : requests) {
    EXPECT_EQ(r.words, "add flow second 10.7.0.1:40000 to 10.7.0.3:7");
    asking.answer({.ticket = r.ticket, .outcome = WEFT_ANSWER_DONE});
  }
  EXPECT_EQ(asking.told.size(), 2u);
}

TEST(AppFlows, NobodyDecidesInSimulatedTime) {
  Asking asking(quickstart(), false);
  asking.run([](const weft_host& host) {
    const weft_flow f = flow();
    EXPECT_EQ(host.flow_add(host.context, &f), -EOPNOTSUPP);
  });
}

TEST(AppFlows, SixteenMayWaitForAnAnswer) {
  Asking asking;
  const auto add = [](const weft_host& host) {
    const weft_flow f = flow();
    return host.flow_add(host.context, &f);
  };
  asking.run([&](const weft_host& host) {
    for (int i = 0; i < 16; ++i) EXPECT_EQ(add(host), 0) << i;
    EXPECT_EQ(add(host), -ENOBUFS);
  });
  const auto requests = asking.requests();
  ASSERT_EQ(requests.size(), 16u);
  asking.answer({.ticket = requests[7].ticket, .outcome = WEFT_ANSWER_DONE});
  asking.datagram([&](const weft_host& host) {
    EXPECT_EQ(add(host), 0);
    EXPECT_EQ(add(host), -ENOBUFS);
  });
}

TEST(AppFlows, AnswersFindWhoAsked) {
  Asking asking;
  asking.run([](const weft_host& host) {
    for (std::uint64_t cookie : {5, 6}) {
      weft_flow f = flow();
      f.cookie = cookie;
      EXPECT_EQ(host.flow_add(host.context, &f), 0);
    }
  });
  const auto requests = asking.requests();
  ASSERT_EQ(requests.size(), 2u);
  asking.answer(
      {.ticket = requests[1].ticket, .outcome = WEFT_ANSWER_REFUSED, .queue = 0, .reason = "no"});
  asking.answer(
      {.ticket = requests[0].ticket, .outcome = WEFT_ANSWER_DONE, .queue = 3, .reason = ""});
  asking.answer({.ticket = requests[0].ticket,
                 .outcome = WEFT_ANSWER_DONE,
                 .queue = 3,
                 .reason = ""});  // answered already
  asking.answer({.ticket = 77, .outcome = WEFT_ANSWER_DONE, .queue = 0, .reason = ""});
  EXPECT_EQ(asking.told, (std::vector<Asking::Told>{{6, WEFT_ANSWER_REFUSED, 0, "no"},
                                                    {5, WEFT_ANSWER_DONE, 3, ""}}));
}

// Its place may be another application's by then.
TEST(AppFlows, AnEndpointThatHasGoneGetsNoAnswer) {
  Asking asking;
  asking.run([](const weft_host& host) {
    const weft_flow f = flow();
    EXPECT_EQ(host.flow_add(host.context, &f), 0);
  });
  const auto requests = asking.requests();
  ASSERT_EQ(requests.size(), 1u);
  Core& core = asking.core().shards.front()->core;
  asking.apps().add(asking.apps().remove(core, 0), 0);
  asking.answer(
      {.ticket = requests[0].ticket, .outcome = WEFT_ANSWER_DONE, .queue = 0, .reason = ""});
  EXPECT_TRUE(asking.told.empty());
}

// An application that was built before there were answers cannot ask.
TEST(AppFlows, WhoHearsNoAnswersDoesNotAsk) {
  Asking asking;
  weft_app old = *TestApp::library().app;
  old.size = offsetof(weft_app, answer);
  apps::AppHost::Instance instance = asking.apps().remove(asking.core().shards.front()->core, 0);
  instance.app = &old;
  asking.apps().add(instance, 0);
  asking.run([](const weft_host& host) {
    const weft_flow f = flow();
    EXPECT_EQ(host.flow_add(host.context, &f), -EINVAL);
  });
  instance = asking.apps().remove(asking.core().shards.front()->core, 0);
  instance.app = TestApp::library().app;
  asking.apps().add(instance, 0);
}

}  // namespace
}  // namespace weft::test
