package rules

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/signalbox-mq/signalbox/event"
)

var zeroTime time.Time

// Env is an event as conditions see it. Everything is made when the first condition asks for it,
// and once: the detail of an event is decoded once for all conditions of a publish, or never.
//
// Numbers are ints when their JSON text is an integer that fits 64 bits, and float64 otherwise (1.0,
// 1e3, larger integers). Of equal member names the last counts.
//
// An Env is for one goroutine at a time.
type Env struct {
	ev      *event.Event
	values  map[string]any
	fields  map[string]any // values["event"]
	decoded bool
	err     error
	budget  budget
	vm      vm.VM
}

// NewEnv returns the Env of an event. The event must not change while the Env is in use.
func NewEnv(ev *event.Event) *Env { return &Env{ev: ev} }

// prepare returns what the expression is run on, with a fresh budget.
func (e *Env) prepare(detail bool) (map[string]any, error) {
	if e.values == nil {
		e.build()
	}
	if detail && !e.decoded {
		e.decoded = true
		e.fields["detail"], e.err = decodeJSON(e.ev.Detail)
	}
	e.budget.left = conditionBudget
	if detail {
		return e.values, e.err
	}
	return e.values, nil
}

func (e *Env) build() {
	ev := e.ev
	extensions := make(map[string]any, len(ev.Extensions))
	for name, v := range ev.Extensions {
		extensions[name] = v.Any()
	}
	var typ any = ev.Type // boxed once for its three names
	e.fields = map[string]any{
		"id": ev.ID, "source": ev.Source, "type": typ, "detail_type": typ, "detail-type": typ,
		"time": ev.Time.UTC(), "account": ev.Account, "region": ev.Region, "subject": ev.Subject,
		"resources": ev.Resources, "extensions": extensions, "detail": nil,
	}
	e.values = map[string]any{eventName: e.fields, budgetName: &e.budget}
}

// maxDecodeDepth bounds the recursion; the event package lets no deeper JSON in.
const maxDecodeDepth = 1000

// decodeJSON decodes valid JSON into nil, bool, int, float64, string, []any and map[string]any; no
// text at all is nil. encoding/json would make a float64 of every number.
func decodeJSON(data []byte) (any, error) {
	if len(data) == 0 {
		return nil, nil
	}
	d := decoder{data: data}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.pos != len(data) {
		return nil, d.broken()
	}
	return v, nil
}

type decoder struct {
	data []byte
	pos  int
}

func (d *decoder) broken() error {
	return fmt.Errorf("the detail is not valid JSON at byte %d", d.pos)
}

func (d *decoder) space() {
	for d.pos < len(d.data) && jsonSpace(d.data[d.pos]) {
		d.pos++
	}
}

func (d *decoder) value(depth int) (any, error) {
	d.space()
	if d.pos >= len(d.data) {
		return nil, d.broken()
	}
	switch c := d.data[d.pos]; c {
	case '"':
		return d.text()
	case '{', '[':
		if depth == maxDecodeDepth {
			return nil, fmt.Errorf("the detail is nested more than %d deep", maxDecodeDepth)
		}
		d.pos++
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.list(depth + 1)
	}
	end, _ := skipValue(d.data, d.pos)
	raw := d.data[d.pos:end]
	v, ok := scalar(raw)
	if !ok {
		return nil, d.broken()
	}
	d.pos = end
	return v, nil
}

func scalar(raw []byte) (any, bool) {
	switch string(raw) {
	case "null":
		return nil, true
	case "true":
		return true, true
	case "false":
		return false, true
	case "":
		return nil, false
	}
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return nil, false
	}
	if !bytes.ContainsAny(raw, ".eE") {
		if i, err := strconv.ParseInt(string(raw), 10, strconv.IntSize); err == nil {
			return int(i), true
		}
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !math.IsInf(f, 0) { // too large becomes ±infinity, as comparisons expect
		return nil, false
	}
	return f, true
}

func (d *decoder) text() (string, error) {
	end, ok := skipString(d.data, d.pos)
	if !ok {
		return "", d.broken()
	}
	s, ok := unquoteJSON(d.data[d.pos:end])
	if !ok {
		return "", d.broken()
	}
	d.pos = end
	return s, nil
}

// next passes the comma or end that follows a part; more is true when another part comes.
func (d *decoder) next(end byte, first bool) (more bool, err error) {
	d.space()
	if d.pos >= len(d.data) {
		return false, d.broken()
	}
	switch c := d.data[d.pos]; {
	case c == end:
		d.pos++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		d.pos++
		d.space()
		return true, nil
	}
	return false, d.broken()
}

func (d *decoder) list(depth int) (any, error) {
	out := []any{}
	for {
		more, err := d.next(']', len(out) == 0)
		if err != nil || !more {
			return out, err
		}
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

func (d *decoder) object(depth int) (any, error) {
	out := map[string]any{}
	for first := true; ; first = false {
		more, err := d.next('}', first)
		if err != nil || !more {
			return out, err
		}
		if d.pos >= len(d.data) || d.data[d.pos] != '"' {
			return nil, d.broken()
		}
		key, err := d.text()
		if err != nil {
			return nil, err
		}
		if d.space(); d.pos >= len(d.data) || d.data[d.pos] != ':' {
			return nil, d.broken()
		}
		d.pos++
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out[key] = v
	}
}
