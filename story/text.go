package story

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	timeForm  = "2006-01-02 15:04:05.000 MST"
	clockForm = "15:04:05.000"
	// bodyShown is how much of an answer's body is shown, in characters.
	bodyShown = 200
)

// Text writes the story for people, in lines of plain text that end in a newline. Times are UTC. What came from outside
// (names, reasons, answers) is shown without control characters. Errors are those of w.
func (s *Story) Text(w io.Writer) error {
	var p page
	where := "on bus " + s.Bus
	switch {
	case s.Kind == KindMessage && s.Topic != "":
		where = "of topic " + s.Topic
	case s.Bus == "":
		where = ""
	}
	kind := s.Kind
	if kind == "" {
		kind = KindEvent
	}
	p.line(0, strings.ToUpper(kind[:1])+kind[1:], s.ID, where)
	p.line(2, envelope(s.Event))
	if !s.Published.IsZero() {
		p.line(2, "published", stamp(s.Published, timeForm))
	}
	if s.Origin != "" {
		hop := ""
		if s.Hops > 0 {
			hop = fmt.Sprintf("(hop %d)", s.Hops)
		}
		p.line(2, "passed on from", s.Origin, hop)
	}
	if s.Note != "" {
		p.line(2, "note:", s.Note)
	}
	if len(s.Rules) > 0 {
		p.line(0)
		p.line(0, "Rules")
		p.rules(s.Rules)
	}
	if len(s.Replays) > 0 {
		p.line(0)
		p.line(0, "Replays")
	}
	for i := range s.Replays {
		r := &s.Replays[i]
		matched := "no rule matched"
		if len(r.Matched) > 0 {
			matched = "matched " + strings.Join(r.Matched, ", ")
		}
		if len(r.Only) > 0 {
			matched += " (of " + strings.Join(r.Only, ", ") + ")"
		}
		p.line(2, r.Replay, stamp(r.Replayed, timeForm), matched)
	}
	p.line(0)
	if len(s.Deliveries) == 0 {
		p.line(0, "No deliveries")
	} else {
		p.line(0, "Deliveries")
	}
	for i := range s.Deliveries {
		p.delivery(&s.Deliveries[i])
	}
	_, err := w.Write(p.Bytes())
	return err
}

// Text writes one delivery as [Story.Text] writes each of its deliveries.
func (d *Delivery) Text(w io.Writer) error {
	var p page
	if d.Event != "" {
		p.line(0, "Delivery of", d.Event)
	}
	p.delivery(d)
	_, err := w.Write(p.Bytes())
	return err
}

type page struct{ bytes.Buffer }

// line writes words that are not empty, and no line if all are; without words an empty line.
func (p *page) line(indent int, words ...string) {
	shown := make([]string, 0, len(words))
	for _, w := range words {
		if w != "" {
			shown = append(shown, clean(w))
		}
	}
	if len(shown) > 0 {
		p.WriteString(strings.Repeat(" ", indent) + strings.TrimRight(strings.Join(shown, " "), " "))
	} else if len(words) > 0 {
		return
	}
	p.WriteByte('\n')
}

// clean replaces what a terminal would act on.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

func stamp(t time.Time, form string) string { return t.UTC().Format(form) }

// envelope is an event's source and type in a line.
func envelope(raw json.RawMessage) string {
	var e struct {
		Source string `json:"source"`
		Type   string `json:"detail-type"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &e) != nil {
		return ""
	}
	return fmt.Sprintf("%s from %s", e.Type, e.Source)
}

func (p *page) rules(rules []Rule) {
	width := 0
	for i := range rules {
		width = max(width, len(rules[i].Rule))
	}
	for i := range rules {
		r := &rules[i]
		verdict := "not matched"
		switch {
		case r.Matched && r.Paused:
			verdict = "matched, paused"
		case r.Matched:
			verdict = "matched"
		}
		why := r.Reason
		if r.Field != "" && !strings.HasPrefix(why, r.Field) {
			why = strings.TrimSuffix(r.Field+": "+why, ": ")
		}
		if r.Note != "" {
			why = strings.TrimSpace(why + " (" + r.Note + ")")
		}
		p.line(2, fmt.Sprintf("%-*s", width, r.Rule), fmt.Sprintf("%-11s", verdict), why)
	}
}

func (p *page) delivery(d *Delivery) {
	from := d.Rule
	if d.Topic != "" {
		from = "topic " + d.Topic
	}
	if d.Replay != "" {
		from += " (replay " + d.Replay + ")"
	}
	if d.Later {
		from += " (later)"
	}
	if from != "" {
		from += " ->"
	}
	status := string(d.Status)
	if d.DeadLetter != nil {
		status += " to " + d.DeadLetter.Queue
		if !d.DeadLetter.There {
			status += ", not there any more"
		}
	}
	if d.Kind != "" {
		status = ": " + status
	}
	p.line(2, from, strings.TrimSpace(d.Kind+" "+d.Name)+status)
	p.line(4, "id", d.ID)
	if d.Reason != "" {
		p.line(4, "reason:", d.Reason)
	}
	day := ""
	for i := range d.Attempts {
		p.attempt(&d.Attempts[i], &day)
	}
	if d.PassedOn != nil {
		p.line(4, "passed on as", d.PassedOn.Kind, d.PassedOn.ID)
	}
	if d.Next != nil {
		p.next(d.Next)
	}
}

func (p *page) attempt(a *Attempt, day *string) {
	at := stamp(a.Started, clockForm)
	if today := stamp(a.Started, time.DateOnly); today != *day {
		*day, at = today, stamp(a.Started, timeForm)
	}
	what := "attempt " + strconv.Itoa(a.Number)
	if a.Number == 0 {
		what = "no attempt"
	}
	took := ""
	if a.Durations.Total > 0 {
		took = a.Durations.Total.Round(time.Millisecond / 10).String()
	}
	outcome := string(a.Outcome)
	switch {
	case a.Reason != "": // it names the status
		outcome += ": " + a.Reason
	case a.Status != 0:
		outcome += ": " + strconv.Itoa(a.Status)
	}
	if a.LeaseLost {
		outcome += " (too late to count)"
	}
	p.line(4, what, at, took, outcome)
	if a.Response != nil && a.Response.Body != "" {
		p.line(6, "answer:", excerpt(a.Response))
	}
}

func excerpt(r *Response) string {
	if r.Encoding != "" {
		return "not text"
	}
	body := strings.Join(strings.Fields(r.Body), " ")
	if runes := []rune(body); len(runes) > bodyShown {
		return string(runes[:bodyShown]) + "…"
	}
	return body
}

func (p *page) next(n *Next) {
	words := []string{"next:"}
	if !n.At.IsZero() {
		words = append(words, stamp(n.At, timeForm))
		if n.Reason != "" {
			words = append(words, "-")
		}
	}
	p.line(4, append(words, n.Reason)...)
	if len(n.After) > 0 {
		p.line(6, "and if it fails, after", strings.Join(n.After, ", "))
	} else if n.AttemptsLeft == 1 {
		p.line(6, "it is the last attempt")
	}
	if !n.Until.IsZero() {
		p.line(6, "no attempt begins after", stamp(n.Until, timeForm))
	}
}
