package dispatch_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func FuzzDecodeState(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(`{"attempts":3,"permanent":1,"first_failure":"2026-11-23T10:00:00Z","due":"2026-11-23T10:00:05Z","status":500,"class":"http","reason":"answered 500","at":"2026-11-23T10:00:00Z"}`))
	f.Add([]byte(`{"attempts":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := dispatch.DecodeState(b)
		if err != nil && !cmp.Equal(s, dispatch.State{}) {
			t.Errorf("%+v beside an error", s)
		}
		// Whatever is read can be judged.
		step := endpoint.Decide(endpoint.Result{Class: endpoint.ClassHTTP, Status: 500}, endpoint.RetryPolicy{}, s.History, time.Unix(0, 0), nil)
		if step.History.Attempts < 1 {
			t.Errorf("%d attempts after one", step.History.Attempts)
		}
	})
}

func FuzzDecodeAttempt(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"delivery":"d","origin":"o","kind":"function","number":1,"started":"2026-11-23T10:00:00Z","outcome":"retry","durations":{"total_us":1500},"response":{"header":{"A":["b"]},"body":"AAE="}}`))
	f.Add([]byte(`{"delivery":"ü\"\\<\u2028","reason":"a\nb","bus":"b","rule":"r","target":"t","topic":"o","subscription":"s","group":"g","status":503,"class":"http","next":"2026-11-23T10:00:00.123456789+01:00","dead_letter":"q","code":"C","give_up":"max_age","lease_lost":true,"remote":"r","resent":true,"durations":{"wait_us":1,"dns_us":2,"connect_us":3,"tls_us":4,"ttfb_us":5},"request":{"url":"u","header":{"B":["1","2"],"A":[]}},"response":{"truncated":true}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := dispatch.DecodeAttempt(b)
		if err != nil && !cmp.Equal(a, dispatch.Attempt{}) {
			t.Errorf("%+v beside an error", a)
		}
		if err != nil {
			return
		}
		// What is written by hand reads as what encoding/json writes. (It refuses times that it can not write.)
		want, err := json.Marshal(a)
		if err != nil {
			return
		}
		for _, text := range [][]byte{want, a.Append(nil)} {
			again, err := dispatch.DecodeAttempt(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if reread, err := dispatch.DecodeAttempt(want); err != nil || !cmp.Equal(again, reread) {
				t.Errorf("%s\ninstead of\n%s: %s", text, want, cmp.Diff(reread, again))
			}
		}
	})
}

// What is left of the worst failure fits the store: 4 KiB.
func TestStateFits(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://x/"+strings.Repeat("<&>", 1000))
			w.WriteHeader(302)
		})
		id := e.function("f", endpoint.Endpoint{URL: c.url})
		e.start()
		e.publish(post{to: id, event: sample(`1`)})
		over(time.Second)
		m := e.contents(id, 1)[0].Message
		s, err := dispatch.DecodeState(m.State)
		if err != nil || s.Attempts != 1 || s.Class != endpoint.ClassRedirect || len(m.State) > 4096 {
			t.Errorf("%d bytes of state: %+v, %v", len(m.State), s, err)
		}
	})
}
