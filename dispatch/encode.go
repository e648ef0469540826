package dispatch

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Append appends the attempt as JSON, as encoding/json would write it but for the escapes of HTML. Recording attempts
// is a part of every delivery, and by reflection it would be a tenth of its cost.
func (a *Attempt) Append(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("delivery", a.Delivery, true)
	w.text("origin", a.Origin, true)
	w.text("kind", a.Kind, true)
	w.text("endpoint", a.Endpoint, true)
	w.text("account", a.Account, true)
	w.text("region", a.Region, true)
	w.text("bus", a.Bus, false)
	w.text("rule", a.Rule, false)
	w.text("target", a.Target, false)
	w.text("topic", a.Topic, false)
	w.text("subscription", a.Subscription, false)
	w.text("group", a.Group, false)
	w.number("number", int64(a.Number), true)
	w.time("started", a.Started, true)
	w.text("outcome", string(a.Outcome), true)
	w.number("status", int64(a.Status), false)
	w.text("class", string(a.Class), false)
	w.text("reason", a.Reason, false)
	w.time("next", a.Next, false)
	w.text("dead_letter", a.DeadLetter, false)
	w.text("code", a.Code, false)
	w.text("give_up", string(a.GiveUp), false)
	w.truth("lease_lost", a.LeaseLost)
	w.durations(&a.Durations)
	w.text("remote", a.Remote, false)
	w.truth("resent", a.Resent)
	if !a.Request.IsZero() {
		w.begin("request")
		w.text("url", a.Request.URL, false)
		w.header("header", a.Request.Header)
		w.end()
	}
	if !a.Response.IsZero() {
		w.begin("response")
		w.header("header", a.Response.Header)
		if len(a.Response.Body) > 0 {
			w.key("body")
			w.dst = append(w.dst, '"')
			w.dst = base64.StdEncoding.AppendEncode(w.dst, a.Response.Body)
			w.dst = append(w.dst, '"')
		}
		w.truth("truncated", a.Response.Truncated)
		w.end()
	}
	return append(w.dst, '}')
}

// objectWriter writes the members of JSON objects whose keys need no escapes. Zero values are left out unless always.
type objectWriter struct{ dst []byte }

func (w *objectWriter) key(name string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
}

func (w *objectWriter) begin(name string) {
	w.key(name)
	w.dst = append(w.dst, '{')
}

func (w *objectWriter) end() { w.dst = append(w.dst, '}') }

func (w *objectWriter) text(name, value string, always bool) {
	if value != "" || always {
		w.key(name)
		w.dst = appendText(w.dst, value)
	}
}

func (w *objectWriter) number(name string, value int64, always bool) {
	if value != 0 || always {
		w.key(name)
		w.dst = strconv.AppendInt(w.dst, value, 10)
	}
}

func (w *objectWriter) truth(name string, value bool) {
	if value {
		w.key(name)
		w.dst = append(w.dst, "true"...)
	}
}

func (w *objectWriter) time(name string, value time.Time, always bool) {
	if !value.IsZero() || always {
		w.key(name)
		w.dst = append(w.dst, '"')
		w.dst = value.AppendFormat(w.dst, time.RFC3339Nano)
		w.dst = append(w.dst, '"')
	}
}

func (w *objectWriter) durations(d *Durations) {
	w.begin("durations")
	w.number("wait_us", d.Wait.Microseconds(), false)
	w.number("dns_us", d.DNS.Microseconds(), false)
	w.number("connect_us", d.Connect.Microseconds(), false)
	w.number("tls_us", d.TLS.Microseconds(), false)
	w.number("ttfb_us", d.TTFB.Microseconds(), false)
	w.number("total_us", d.Total.Microseconds(), false)
	w.end()
}

func (w *objectWriter) header(name string, h http.Header) {
	if len(h) == 0 {
		return
	}
	w.key(name)
	w.dst = append(w.dst, '{')
	var space [24]string
	keys := slices.AppendSeq(space[:0], maps.Keys(h))
	slices.Sort(keys)
	for i, key := range keys {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(appendText(w.dst, key), ':', '[')
		for k, value := range h[key] {
			if k > 0 {
				w.dst = append(w.dst, ',')
			}
			w.dst = appendText(w.dst, value)
		}
		w.dst = append(w.dst, ']')
	}
	w.dst = append(w.dst, '}')
}

// appendText appends a JSON string.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always has a JSON form
				return append(dst, `""`...)
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
