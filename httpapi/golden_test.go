package httpapi_test

import (
	"flag"
	"fmt"

	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// exchange is a request and what is to be answered. {{id}} and {{receipt}} in its target stand for those of the answers
// before. The whole answer is in the golden file.
type exchange struct {
	method, target, body string
	header               []string
	// fault, when set, is what every call of the store fails with.
	fault  error
	status int
	// code is a problem's.
	code string
}

const ce = "application/cloudevents+json"

// scenarios has every operation, and every error that it can answer.
func scenarios() map[string][]exchange {
	big := strings.Repeat("x", 1<<20)
	const send, receive = "/v1/queues/orders/messages", "/v1/queues/orders/messages/receive"
	return map[string][]exchange{
		"publish-events": {
			{"POST", "/v1/events", `{"source":"shop","type":"order.created","data":{"total":250}}`, nil, nil, 200, ""},
			{"GET", "/v1/events/{{id}}", ``, nil, nil, 200, ""},
			{"HEAD", "/v1/events/{{id}}", ``, nil, nil, 200, ""},
			{"POST", "/v1/events", `[{"source":"shop","type":"a"},{"source":"shop","type":"b","data":{"total":101}}]`, nil, nil, 200, ""},
			{"POST", "/v1/events", `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`, []string{"Content-Type", ce}, nil, 200, ""},
			{"POST", "/v1/events", `{"total":500}`, []string{"Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/s", "Ce-Type", "t"}, nil, 200, ""},
			{"POST", "/v1/events", `[]`, []string{"Content-Type", "application/cloudevents-batch+json"}, nil, 200, ""},
			{"POST", "/v1/buses/once/events", `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`, []string{"Content-Type", ce}, nil, 200, ""},
			{"POST", "/v1/buses/once/events", `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`, []string{"Content-Type", ce}, nil, 200, ""},
			{"POST", "/v1/buses/a%2Fb%25/events", `{"source":"shop","type":"a"}`, nil, nil, 200, ""},
		},
		"publish-events-errors": {
			{"POST", "/v1/events", ``, nil, nil, 400, "invalid_event"},
			{"POST", "/v1/events", `{"source":"shop"}`, nil, nil, 400, "invalid_event"},
			{"POST", "/v1/events", `{"source":"shop","type":"a","Data":1}`, nil, nil, 400, "invalid_event"},
			{"POST", "/v1/events", "{\"source\":\"\xff\",\"type\":\"a\"}", nil, nil, 400, "invalid_event"},
			{"POST", "/v1/events", strings.Repeat("[", 100_000), nil, nil, 400, "invalid_event"},
			{"POST", "/v1/events", `[` + strings.Repeat(`{"source":"s","type":"t"},`, 1000) + `{"source":"s","type":"t"}]`, nil, nil, 400, "invalid"},
			{"POST", "/v1/events", `<a/>`, []string{"Content-Type", "text/xml"}, nil, 400, "invalid_event"},
			{"POST", "/v1/events", `x`, []string{"Content-Encoding", "gzip"}, nil, 415, "content_encoding"},
			{"POST", "/v1/events", `{"source":"s","type":"t","data":"` + big + `"}`, nil, nil, 413, "event_too_large"},
			{"POST", "/v1/events", `"` + big + big + `"`, nil, nil, 413, "body_too_large"},
			{"POST", "/v1/buses/nowhere/events", `{"source":"s","type":"t"}`, nil, nil, 404, "unknown_bus"},
			{"POST", "/v1/buses/" + strings.Repeat("n", 3000) + "/events", `{"source":"s","type":"t"}`, nil, nil, 404, "unknown_bus"},
			{"POST", "/v1/events", `{"source":"s","type":"t"}`, nil, queue.ErrStoreFull, 503, "store_full"},
			{"POST", "/v1/events", `{"source":"s","type":"t"}`, nil, queue.ErrStoreClosed, 503, "store_closed"},
			{"POST", "/v1/events", `{"source":"s","type":"t"}`, nil, fmt.Errorf("dial tcp 10.0.0.1:6379: %w", queue.ErrUnavailable), 503, "store_unavailable"},
			{"POST", "/v1/events", `{"source":"s","type":"t"}`, nil, errSecret, 500, "internal"},
			{"GET", "/v1/events/01a2098d-595b-774f-ac88-2bdc8d607159", ``, nil, nil, 404, "unknown_event"},
			{"GET", "/v1/events/x", ``, nil, nil, 404, "unknown_event"},
			{"GET", "/v1/deliveries/01a2098d-595b-774f-ac88-2bdc8d607159", ``, nil, nil, 404, "unknown_delivery"},
			{"GET", "/v1/deliveries/x", ``, nil, nil, 404, "unknown_delivery"},
			{"POST", "/v1/events", `{"source":"s","type":"t"}`, []string{"Origin", "https://evil.example", "Content-Type", "text/plain"}, nil, 403, "cross_origin"},
			{"POST", "/v1/events", `{"source":"s","type":"t"}`, []string{"Sec-Fetch-Site", "cross-site"}, nil, 403, "cross_origin"},
		},
		"messages": {
			{"POST", send, `{"body":"héllo","attributes":{"size":{"type":"Number","value":"7"},"colour":"red","raw":{"type":"Binary","value":"AP+J"}},"group":"g","delay":"0"}`, nil, nil, 200, ""},
			{"POST", receive + "?max=10&visibility=30s", ``, nil, nil, 200, ""},
			{"POST", receive + "?max=10", ``, nil, nil, 200, ""},
			{"PATCH", send + "/{{receipt}}", `{"visibility":"60s"}`, nil, nil, 204, ""},
			{"PATCH", send + "/{{receipt}}", `{"visibility":0}`, nil, nil, 204, ""},
			{"POST", receive, ``, nil, nil, 200, ""},
			{"DELETE", send + "/{{receipt}}", ``, nil, nil, 204, ""},
			{"DELETE", send + "/{{receipt}}", ``, nil, nil, 204, ""},
			{"PATCH", send + "/{{receipt}}", `{"visibility":"1s"}`, nil, nil, 409, "not_in_flight"},
			{"POST", send, `{"body":"","attributes":null,"group":null,"dedup_id":null,"delay":null}`, nil, nil, 200, ""},
			{"POST", "/v1/queues/order%73/messages/receive", ``, nil, nil, 200, ""},
			{"DELETE", send + "/{{receipt}}", ``, nil, nil, 204, ""},
		},
		"messages-errors": {
			{"POST", "/v1/queues/nowhere/messages", `{"body":"x"}`, nil, nil, 404, "unknown_queue"},
			{"POST", "/v1/queues/nowhere/messages/receive", ``, nil, nil, 404, "unknown_queue"},
			{"DELETE", "/v1/queues/nowhere/messages/x", ``, nil, nil, 404, "unknown_queue"},
			{"PATCH", "/v1/queues/nowhere/messages/x", `{"visibility":"1s"}`, nil, nil, 404, "unknown_queue"},
			{"POST", send, ``, nil, nil, 400, "invalid"},
			{"POST", send, `{}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":null}`, nil, nil, 400, "invalid"},
			{"POST", send, `[]`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":5}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"Body":"x"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","subject":"only for topics"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","body":"y"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x"} {}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x"`, nil, nil, 400, "invalid"},
			{"POST", send, "{\"body\":\"\xff\"}", nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"\ud800"}`, nil, nil, 400, "invalid"},
			{"POST", send, "{\"body\":\"\x00\"}", nil, nil, 400, "invalid"},
			{"POST", send, `{"body":` + strings.Repeat("[", 100_000), nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","delay":"soon"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","delay":5}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","delay":"16m"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","dedup_id":"d"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","group":"ü"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":[]}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a":5}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a":"1","a":"2"}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a":{"type":"Number"}}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a":{"value":"7"}}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a":{"type":"Number","value":7}}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a":{"type":"Number","value":"7","unit":"m"}}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"b":"x","a":{"type":"Colour","value":"7"}}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a":{"type":"Binary","value":"?"}}}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x","attributes":{"a b":"x"}}`, nil, nil, 400, "invalid"},
			{"POST", send, `<a/>`, []string{"Content-Type", "text/xml"}, nil, 415, "media_type"},
			{"POST", send, `{"body":"` + big + `x"}`, nil, nil, 413, "message_too_large"},
			{"POST", send, `{"body":"` + big + big + `"}`, nil, nil, 413, "body_too_large"},
			{"POST", "/v1/queues/small/messages", `{"body":"0123456789x"}`, nil, nil, 413, "message_too_large"},
			{"POST", "/v1/queues/pay.fifo/messages", `{"body":"x"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/queues/pay.fifo/messages", `{"body":"x","group":"g","delay":"1s"}`, nil, nil, 400, "invalid"},
			{"POST", send, `{"body":"x"}`, nil, queue.ErrStoreFull, 503, "store_full"},
			{"POST", send, `{"body":"x"}`, nil, errSecret, 500, "internal"},
			{"POST", receive + "?max=0", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?max=1001", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?max=", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?max=1&max=2", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?max=99999999999999999999", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?wait=5", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?wait=21s", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?visibility=13h", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?maximum=1", ``, nil, nil, 400, "invalid"},
			{"POST", receive + "?max=%zz", ``, nil, nil, 400, "invalid"},
			{"POST", receive, ``, nil, queue.ErrStoreClosed, 503, "store_closed"},
			{"POST", "/v1/queues/few/messages", `{"body":"a"}`, nil, nil, 200, ""},
			{"POST", "/v1/queues/few/messages", `{"body":"b"}`, nil, nil, 200, ""},
			{"POST", "/v1/queues/few/messages/receive", ``, nil, nil, 200, ""},
			{"DELETE", send + "/{{receipt}}", ``, nil, nil, 400, "receipt_invalid"},
			{"PATCH", send + "/{{receipt}}", `{"visibility":"1s"}`, nil, nil, 400, "receipt_invalid"},
			{"PATCH", "/v1/queues/few/messages/{{receipt}}", `{}`, nil, nil, 400, "invalid"},
			{"PATCH", "/v1/queues/few/messages/{{receipt}}", `{"visibility":null}`, nil, nil, 400, "invalid"},
			{"PATCH", "/v1/queues/few/messages/{{receipt}}", `{"visibility":"13h"}`, nil, nil, 400, "invalid"},
			{"PATCH", "/v1/queues/few/messages/{{receipt}}", `{"visibility":"1s"}`, nil, errSecret, 500, "internal"},
			{"PATCH", "/v1/queues/few/messages/{{receipt}}", `{"visibility":"1s","delay":"1s"}`, nil, nil, 400, "invalid"},
			{"DELETE", "/v1/queues/few/messages/{{receipt}}", ``, nil, queue.ErrStoreClosed, 503, "store_closed"},
			{"POST", "/v1/queues/few/messages/receive", ``, nil, nil, 429, "too_many_in_flight"},
			{"DELETE", send + "/nonsense", ``, nil, nil, 400, "receipt_invalid"},
			{"DELETE", send + "/no%2Fnsense", ``, nil, nil, 400, "receipt_invalid"},
			{"DELETE", send + "/receive", ``, nil, nil, 405, "method"},
		},
		"fifo": {
			{"POST", "/v1/queues/pay.fifo/messages", `{"body":"a","group":"g"}`, nil, nil, 200, ""},
			{"POST", "/v1/queues/pay.fifo/messages", `{"body":"a","group":"g"}`, nil, nil, 200, ""},
			{"POST", "/v1/queues/pay.fifo/messages/receive?visibility=0", ``, nil, nil, 200, ""},
			{"DELETE", "/v1/queues/pay.fifo/messages/{{receipt}}", ``, nil, nil, 409, "receipt_expired"},
		},
		"queues": {
			{"GET", "/v1/queues/orders", ``, nil, nil, 200, ""},
			{"PUT", "/v1/queues/mine", `{"visibility_timeout":"5s","dead_letter":{"queue":"orders","max_receives":3}}`, nil, nil, 201, ""},
			{"PUT", "/v1/queues/mine", `{"visibility_timeout":"5s","dead_letter":{"queue":"orders","max_receives":3},"retention":"4d"}`, nil, nil, 200, ""},
			{"PUT", "/v1/queues/mine", `{}`, nil, nil, 409, "exists"},
			{"GET", "/v1/queues/mine", ``, nil, nil, 200, ""},
			{"PUT", "/v1/queues/orders", `{}`, nil, nil, 200, ""},
			{"PUT", "/v1/queues/orders", `{"delay":"1s"}`, nil, nil, 409, "managed_by_file"},
			{"DELETE", "/v1/queues/orders", ``, nil, nil, 409, "managed_by_file"},
			{"POST", "/v1/queues/mine/messages", `{"body":"x"}`, nil, nil, 200, ""},
			{"POST", "/v1/queues/mine/purge", ``, nil, nil, 200, ""},
			{"DELETE", "/v1/queues/mine", ``, nil, nil, 204, ""},
			{"GET", "/v1/queues", ``, nil, nil, 200, ""},
			{"GET", "/v1/queues?after=orders", ``, nil, nil, 200, ""},
			{"GET", "/v1/queues?after=zzz", ``, nil, nil, 200, ""},
			{"DELETE", "/v1/queues/mine", ``, nil, nil, 404, "unknown_queue"},
			{"GET", "/v1/queues/mine", ``, nil, nil, 404, "unknown_queue"},
			{"POST", "/v1/queues/mine/purge", ``, nil, nil, 404, "unknown_queue"},
			{"PUT", "/v1/queues/no%20good", `{}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", `{"colour":1}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", `{"retention":"5s","delay":"1h"}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", `{"fifo":"yes"}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", `{"max_in_flight":1.5}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", `{"dead_letter":{"queue":"nowhere","max_receives":3}}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", `{"dead_letter":{"queue":"orders","max":3}}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", ``, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/tagged", `{"tags":{"team":"shop"},"dead_letter_sources":{"queues":["a","b"]},"kept":{"sqs.Policy":"{}"}}`, nil, nil, 201, ""},
			{"PUT", "/v1/queues/q", `{"dead_letter":{"queue":"tagged","max_receives":3}}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/a", `{"dead_letter":{"queue":"tagged","max_receives":3}}`, nil, nil, 201, ""},
			{"PUT", "/v1/queues/q", `{"dead_letter_sources":{}}`, nil, nil, 400, "invalid"},
			{"PUT", "/v1/queues/q", `{"tags":{"":"x"}}`, nil, nil, 400, "invalid"},
			{"GET", "/v1/queues?before=x", ``, nil, nil, 400, "invalid"},
			{"GET", "/v1/queues", ``, nil, errSecret, 500, "internal"},
			{"GET", "/v1/queues/orders", ``, nil, queue.ErrStoreClosed, 503, "store_closed"},
		},
		"redrive": {
			{"PUT", "/v1/queues/mine", `{"dead_letter":{"queue":"orders","max_receives":3}}`, nil, nil, 201, ""},
			{"POST", send, `{"body":"x"}`, nil, nil, 200, ""},
			{"POST", "/v1/queues/orders/redrive", `{"to":"mine","rate":10}`, nil, nil, 201, ""},
			{"GET", "/v1/transfers/{{id}}", ``, nil, nil, 200, ""},
			{"POST", "/v1/queues/orders/redrive", ``, nil, nil, 409, "redrive_running"},
			{"POST", "/v1/transfers/{{id}}/cancel", ``, nil, nil, 204, ""},
			{"POST", "/v1/queues/orders/redrive", ``, nil, nil, 201, ""},
			{"POST", "/v1/transfers/{{id}}/cancel", ``, nil, nil, 204, ""},
			{"POST", "/v1/queues/orders/redrive", `{"to":null,"rate":null}`, nil, nil, 201, ""},
			{"POST", "/v1/queues/jobs/redrive", ``, nil, nil, 409, "not_dead_letter_queue"},
			{"POST", "/v1/queues/nowhere/redrive", ``, nil, nil, 404, "unknown_queue"},
			{"POST", "/v1/queues/orders/redrive", `{"to":"nowhere"}`, nil, nil, 404, "unknown_queue"},
			{"POST", "/v1/queues/orders/redrive", `{"to":"orders"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/queues/orders/redrive", `{"to":"pay.fifo"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/queues/orders/redrive", `{"rate":501}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/queues/orders/redrive", `{"rate":"10"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/queues/orders/redrive", `{"queue":"mine"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/queues/orders/redrive", `{"to":7}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/queues/orders/redrive", ``, nil, errSecret, 500, "internal"},
		},
		"topics": {
			{"POST", "/v1/topics/alerts/messages", `{"body":"disk full","subject":"disk","attributes":{"severity":"high"},"dedup_id":"d-1"}`, nil, nil, 200, ""},
			{"POST", "/v1/topics/alerts/messages", `{"body":"disk full","subject":"disk","attributes":{"severity":"high"},"dedup_id":"d-1"}`, nil, nil, 200, ""},
			{"POST", "/v1/topics/alerts/messages", `{"body":"other","dedup_id":"d-1"}`, nil, nil, 409, "token_reused"},
			{"POST", receive, ``, nil, nil, 200, ""},
			{"POST", "/v1/topics/nowhere/messages", `{"body":"x"}`, nil, nil, 404, "unknown_topic"},
			{"POST", "/v1/topics/alerts/messages", `{"body":"x","delay":"1s"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/topics/alerts/messages", `{"subject":"x"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/topics/alerts/messages", `{"body":"x","subject":"a\nb"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/topics/alerts/messages", `{"body":"x","attributes":{"a":{"type":"x","value":"y"}}}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/topics/alerts/messages", `{"body":"` + big + `x"}`, nil, nil, 413, "message_too_large"},
			{"POST", "/v1/topics/alerts/messages", `{"body":"x"}`, nil, queue.ErrStoreFull, 503, "store_full"},
		},
		"functions": {
			{"GET", "/v1/functions", ``, nil, nil, 200, ""},
			{"GET", "/v1/functions/charge-card", ``, nil, nil, 200, ""},
			{"POST", "/v1/functions/charge-card/disable", `{"reason":"maintenance"}`, nil, nil, 204, ""},
			{"POST", "/v1/functions/charge-card/enable", ``, nil, nil, 204, ""},
			{"POST", "/v1/functions/charge-card/disable", ``, nil, nil, 204, ""},
			{"POST", "/v1/functions/charge-card/disable", `{"why":"x"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/functions/charge-card/disable", `{"reason":"` + strings.Repeat("x", 1001) + `"}`, nil, nil, 400, "invalid"},
			{"POST", "/v1/functions/charge-card/enable", ``, nil, nil, 204, ""},
			{"GET", "/v1/functions/nowhere", ``, nil, nil, 404, "unknown_function"},
			{"POST", "/v1/functions/nowhere/enable", ``, nil, nil, 404, "unknown_function"},
			{"POST", "/v1/functions/nowhere/disable", ``, nil, nil, 404, "unknown_function"},
			{"GET", "/v1/functions", ``, nil, errSecret, 500, "internal"},
		},
		"transfers": {
			{"GET", "/v1/transfers", ``, nil, nil, 200, ""},
			{"GET", "/v1/transfers/rule-1-1", ``, nil, nil, 200, ""},
			{"POST", "/v1/transfers/rule-1-1/resume", ``, nil, nil, 204, ""},
			{"POST", "/v1/transfers/rule-1-1/cancel", ``, nil, nil, 204, ""},
			{"POST", "/v1/transfers/rule-1-1/cancel", ``, nil, nil, 204, ""},
			{"POST", "/v1/transfers/rule-1-1/resume", ``, nil, nil, 409, "transfer_ended"},
			{"GET", "/v1/transfers/rule-1-1", ``, nil, nil, 200, ""},
			{"GET", "/v1/transfers/nowhere", ``, nil, nil, 404, "unknown_transfer"},
			{"POST", "/v1/transfers/nowhere/cancel", ``, nil, nil, 404, "unknown_transfer"},
			{"POST", "/v1/transfers/nowhere/resume", ``, nil, nil, 404, "unknown_transfer"},
			{"GET", "/v1/transfers?after=x", ``, nil, nil, 400, "invalid"},
		},
		"hooks": {
			{"POST", "/hooks/open", `{"type":"paid"}`, []string{"Content-Type", "application/json"}, nil, 200, ""},
			{"POST", "/hooks/nowhere", `{}`, nil, nil, 404, "unknown_source"},
			{"POST", "/hooks/a%2Fb", `{}`, nil, nil, 404, "unknown_source"},
			{"POST", "/hooks/", `{}`, nil, nil, 404, "not_found"},
			{"GET", "/hooks/open", ``, nil, nil, 405, "method"},
			{"POST", "/hooks/open", `{}`, []string{"Content-Encoding", "gzip"}, nil, 415, "content_encoding"},
		},
		"other": {
			{"GET", "/healthz", ``, nil, nil, 200, ""},
			{"GET", "/readyz", ``, nil, nil, 503, ""},
			{"GET", "/", ``, nil, nil, 404, "not_found"},
			{"GET", "/v1/events/", ``, nil, nil, 404, "not_found"},
			{"POST", "/v1/events/", `{}`, nil, nil, 404, "not_found"},
			{"POST", "//v1/events", `{}`, nil, nil, 404, "not_found"},
			{"POST", "/v1/../v1/events", `{}`, nil, nil, 404, "not_found"},
			{"DELETE", "/v1/events", ``, nil, nil, 405, "method"},
			{"POST", "/v1/queues/orders", `{}`, nil, nil, 405, "method"},
			{"OPTIONS", "/v1/queues/orders/messages/x", ``, nil, nil, 405, "method"},
			{"PUT", "/metrics", ``, nil, nil, 405, "method"},
		},
	}
}

// TestGolden runs every operation into every answer it has.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, exchanges := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			var got strings.Builder
			last := map[string]string{}
			for _, x := range exchanges {
				target := x.target
				for name, value := range last {
					target = strings.ReplaceAll(target, "{{"+name+"}}", value)
				}
				e.store.Fail(x.fault)
				w := e.do(x.method, target, x.body, x.header...)
				e.store.Fail(nil)
				for name, pattern := range captured {
					if m := pattern.FindStringSubmatch(w.Body.String()); m != nil {
						last[name] = m[1]
					}
				}
				check(t, &x, w)
				fmt.Fprintf(&got, "%s %s\n", x.method, shorten(x.target))
				for i := 0; i+1 < len(x.header); i += 2 {
					fmt.Fprintf(&got, "%s: %s\n", x.header[i], x.header[i+1])
				}
				if x.fault != nil {
					fmt.Fprintf(&got, "(the store fails: %v)\n", x.fault)
				}
				if x.body != "" {
					fmt.Fprintf(&got, "\n%q\n", shorten(x.body))
				}
				fmt.Fprintf(&got, "---\n%s\n", answer(w))
			}
			golden(t, name, got.String())
		})
	}
}

var captured = map[string]*regexp.Regexp{
	"id":      regexp.MustCompile(`"id":"([^"]+)"`),
	"receipt": regexp.MustCompile(`"receipt":"([^"]+)"`),
}

func check(t *testing.T, x *exchange, w *httptest.ResponseRecorder) {
	t.Helper()
	at := x.method + " " + shorten(x.target) + " " + shorten(x.body)
	if w.Code != x.status {
		t.Errorf("%s: answered %d %s, want %d", at, w.Code, w.Body, x.status)
		return
	}
	if x.code == "" {
		return
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("%s: a problem has the Content-Type %q", at, ct)
	}
	if !strings.Contains(w.Body.String(), `"code":"`+x.code+`"`) || !strings.Contains(w.Body.String(), `"request_id":"test"`) {
		t.Errorf("%s: answered %s, want the code %s and the request id", at, w.Body, x.code)
	}
	if retry := w.Header().Get("Retry-After"); (retry != "") != (x.status == 429 || x.status == 503) {
		t.Errorf("%s: answered %d with Retry-After %q", at, w.Code, retry)
	}
	if strings.Contains(w.Body.String(), errSecret.Error()) {
		t.Errorf("%s: an internal error is shown: %s", at, w.Body)
	}
}

// answer is what was answered, without what is different every time.
func answer(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, w.Code)
	names := []string{"Allow", "Cache-Control", "Connection", "Content-Type", "Retry-After"}
	for _, name := range names {
		if v := w.Header().Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	body := w.Body.String()
	for _, v := range volatile {
		body = v.pattern.ReplaceAllString(body, v.with)
	}
	if body != "" {
		fmt.Fprintf(&b, "\n%s", body)
	}
	return b.String()
}

var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<id>"},
	{regexp.MustCompile(`"[A-Za-z0-9_-]{50}"`), `"<receipt>"`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
}

func shorten(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%s… (%d bytes)", s[:40], len(s))
	}
	return s
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test -update rewrites it:\n%s", path, diff)
	}
}

// errSecret is an error that no table knows. Its text is not for clients.
var errSecret = fmt.Errorf("secret: %w", os.ErrInvalid)

// TestScenariosReachEveryRoute keeps the scenarios complete.
func TestScenariosReachEveryRoute(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	for pattern, methods := range e.server.Routes() {
		if slices.Contains([]string{"/metrics", "/v1/openapi.json"}, pattern) {
			continue // they have tests of their own
		}
		as := regexp.MustCompile("^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(pattern, `[^/?]+`) + `(\?.*)?$`)
		for _, method := range methods {
			if !slices.ContainsFunc(allExchanges(), func(x exchange) bool {
				return x.method == method && x.status/100 == 2 && as.MatchString(x.target)
			}) && pattern != "/readyz" && pattern != "/v1/deliveries/{id}" {
				t.Errorf("no scenario has a success of %s %s", method, pattern)
			}
		}
	}
}

func allExchanges() (all []exchange) {
	for _, exchanges := range scenarios() {
		all = append(all, exchanges...)
	}
	return all
}
