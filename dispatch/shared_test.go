package dispatch_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// Two nodes over one store keep an endpoint's limit together, and deliver everything once and in order.
func TestTwoNodesShareALimit(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", func(http.ResponseWriter, *http.Request) { pass(20 * time.Millisecond) })
		f := e.function("f", endpoint.Endpoint{URL: c.url, MaxInFlight: 5, Format: endpoint.FormatCloudEventBinary})
		e.cfg.Shared = true
		e.start()
		stop := e.stop
		e.start()
		defer stop()
		const n, groups = 300, 4
		var posts []post
		for i := range n {
			ev := sample(`1`)
			ev.Subject = fmt.Sprintf("%d/%d", i%groups, i/groups)
			group := ""
			if i%groups > 0 {
				group = fmt.Sprint(i % groups)
			}
			posts = append(posts, post{to: f, event: ev, group: group})
		}
		e.publish(posts...)
		over(time.Minute)
		if most := c.most.Load(); most > 5 || most < 2 || len(c.got()) != n {
			t.Errorf("%d attempts, %d at once", len(c.got()), most)
		}
		var next [groups]int
		for _, got := range c.got() {
			var group, i int
			if _, err := fmt.Sscanf(got.header.Get("Ce-Subject"), "%d/%d", &group, &i); err != nil {
				t.Fatal(err)
			}
			if group > 0 && next[group] != i {
				t.Fatalf("group %d: %d instead of %d", group, i, next[group])
			}
			next[group]++
		}
		for _, a := range e.attempts {
			if a.Outcome != dispatch.OutcomeDelivered {
				t.Errorf("attempt %+v", a)
			}
		}
	})
}
