package app

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

//go:embed example.yaml
var exampleYAML []byte

// Dev is what makes a router one for developers: functions to try things out with, and a line for each thing that happens.
type Dev struct{ *printer }

// NewDev returns a Dev that prints to out. What it prints is written while Run runs.
func NewDev(out io.Writer) *Dev { return &Dev{newPrinter(out)} }

func (d *Dev) printf(format string, args ...any) { d.print(fmt.Sprintf(format, args...)) }

// devURL is the variable that tells a file where the developer's functions are.
const devURL = "ROUTER_DEV_URL"

// env returns the environment for the file: the process's, and the router's own address.
func (d *Dev) env(url string, env func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := env(name); ok || name != devURL {
			return value, ok
		}
		return url, true
	}
}

// devFunctions is where they are.
const devFunctions = "/dev/functions/"

// maxEcho is how much of a delivery the echo function answers, in bytes.
const maxEcho = 64 << 10

// devHandler answers the functions: echo answers what it got, fail answers 500. Nil unless the router is a developer's.
func (r *router) devHandler() http.Handler {
	if r.opts.Dev == nil {
		return nil
	}
	m := http.NewServeMux()
	m.HandleFunc("POST "+devFunctions+"echo", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", req.Header.Get("Content-Type"))
		_, _ = io.Copy(w, io.LimitReader(req.Body, maxEcho))
	})
	m.HandleFunc("POST "+devFunctions+"fail", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this function always fails", http.StatusInternalServerError)
	})
	return m
}

// Ready returns what to do when requests are answered: print where, and what to try.
func (d *Dev) Ready(opts Options) func(address string) {
	return func(address string) {
		url := "http://" + address
		d.printf("Signalbox is ready on %s", url)
		if opts.Store == "memory" {
			d.printf("It keeps everything in memory: nothing is left when it ends.")
		} else {
			d.printf("It keeps everything in %s.", opts.Data)
		}
		if opts.Config != "" {
			d.printf("It watches %s. Publish with: curl -s %s/v1/events -d '{\"source\": …, \"type\": …, \"data\": …}'\n", opts.Config, url)
		} else {
			d.printf(devGuide, url)
		}
		d.printf(devAWS, url)
	}
}

// devGuide is what to try with the built-in example. The commands work as printed; a test runs them.
const devGuide = `
Publish an order. The rule big-orders sends it to the function echo and to the queue orders:

  curl -s %[1]s/v1/events -d '{"source": "shop", "type": "order.created", "data": {"id": "o-1", "total": 250}}'

Receive it from the queue:

  curl -s -X POST '%[1]s/v1/queues/orders/messages/receive?max=10&wait=2s'

Publish one for a function that always fails. It is retried after 1s and 2s, then it is a dead letter with its reason:

  curl -s %[1]s/v1/events -d '{"source": "shop", "type": "order.doomed", "data": {"id": "o-2"}}'
  curl -s -X POST '%[1]s/v1/queues/gave-up/messages/receive?wait=10s'

Ask what became of an event, with the id that its publish answered:

  curl -s %[1]s/v1/events/ID
`

// devAWS is what makes AWS SDKs talk to the router.
const devAWS = `Any AWS SDK uses its queues as SQS, its topics as SNS and its buses as EventBridge, once it is told where:

  export AWS_ENDPOINT_URL=%[1]s AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=dev AWS_SECRET_ACCESS_KEY=dev
`

func (d *Dev) event(bus catalog.Name, ev *event.Event, match *rules.Match) {
	matched := "no rule matched"
	if len(match.Rules) > 0 {
		matched = "→ " + strings.Join(match.Names(), ", ")
	}
	d.printf("%s event    %s %s from %s on %s %s", clock(), ev.ID, ev.Type, ev.Source, bus.Name, matched)
	for _, f := range match.Failed {
		d.printf("%s          rule %s: if failed: %s", clock(), f.Rule, f.Reason)
	}
	for _, r := range match.Rules {
		for _, t := range r.Deliveries {
			if t.Error != "" {
				d.printf("%s          rule %s: %s can not get it: %s; it is in %s", clock(), r.Rule, t.Target, t.Error, t.DeadLetter)
			}
		}
	}
}

func (d *Dev) attempt(a *dispatch.Attempt) {
	line := fmt.Sprintf("%s delivery %s %s %s attempt %d: %s in %s", clock(), a.Origin, a.Kind, a.Endpoint, a.Number, a.Reason, a.Durations.Total.Round(time.Millisecond/10))
	switch {
	case !a.Next.IsZero():
		line += ", again in " + time.Until(a.Next).Round(10*time.Millisecond).String()
	case a.DeadLetter != "":
		line += ", given up: it is in " + a.DeadLetter
	}
	d.printf("%s", line)
}

func (d *Dev) state(c dispatch.StateChange) {
	d.printf("%s state    %s %s is %s: %s", clock(), c.Kind, c.Name.Name, c.Change, c.Reason)
}

func (d *Dev) broken(err error) {
	d.printf("%s The file has mistakes; the running configuration stays in force:\n%s", clock(), indent(err.Error()))
}

func (d *Dev) mended() { d.printf("%s The file is in order again", clock()) }

func (d *Dev) reloaded(created, updated, deleted int) {
	d.printf("%s The file is in force: %d definitions created, %d updated, %d deleted", clock(), created, updated, deleted)
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

func clock() string { return time.Now().Format(time.TimeOnly) }
