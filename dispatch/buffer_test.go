package dispatch_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// What a quick lane has received ahead is given back when the lane is blocked or the dispatcher stops: no lease is left
// that nobody works on.
func TestNothingStaysLeased(t *testing.T) {
	for _, test := range []struct {
		name  string
		block func(t *testing.T, e *env)
	}{
		{"stop", func(_ *testing.T, e *env) { e.stop() }},
		{"disable", func(t *testing.T, e *env) {
			if err := e.d.Disable(t.Context(), dispatch.KindFunction, named("f"), ""); err != nil {
				t.Error(err)
			}
		}},
		{"rate", func(_ *testing.T, e *env) {
			e.function("f", endpoint.Endpoint{URL: "http://shop", Rate: endpoint.Rate{Count: 1, Per: time.Hour}})
		}},
		{"failures", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
				var failing atomic.Bool
				c := serve("shop", func(w http.ResponseWriter, _ *http.Request) {
					pass(20 * time.Millisecond)
					if failing.Load() {
						w.WriteHeader(500)
					}
				})
				f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: schedule(time.Hour)})
				const n = 1000
				var posts []post
				for range n {
					posts = append(posts, post{to: f, event: sample(`1`)})
				}
				e.start()
				e.publish(posts...)
				over(500 * time.Millisecond)
				if leased := e.stats(f).InFlight; leased <= endpoint.DefaultMaxInFlight {
					t.Errorf("%d are leased: nothing was received ahead", leased)
				}
				if test.block == nil {
					failing.Store(true)
				} else {
					test.block(t, e)
				}
				over(200 * time.Millisecond)
				if leased := e.stats(f).InFlight; leased > 1 {
					t.Errorf("%d are leased after the lane is blocked", leased)
				}
				if most := c.most.Load(); most > endpoint.DefaultMaxInFlight {
					t.Errorf("%d attempts at once", most)
				}
				calls := len(c.got())
				if int64(calls)+e.stats(f).Total() < n {
					t.Errorf("%d attempts and %d left", calls, e.stats(f).Total())
				}
				if test.name == "stop" {
					e.start()
					over(10 * time.Second)
					if got := len(c.got()); got != n || e.stats(f).Total() != 0 {
						t.Errorf("%d attempts, %d left", got, e.stats(f).Total())
					}
				}
			})
		})
	}
}
