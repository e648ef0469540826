package rules

import (
	"encoding/json"
	"strconv"

	"github.com/signalbox-mq/signalbox/queue"
)

// attribute encodes the match. It is made for every event that is published, so not by reflection; encoding/json reads it.
func (m *Match) attribute() queue.Attribute {
	dst := make([]byte, 0, 64+256*len(m.Rules))
	dst = strconv.AppendUint(append(dst, `{"revision":`...), m.Revision, 10)
	for i := range m.Rules {
		dst = m.Rules[i].append(append(dst, opening(i, `,"rules":[`)...))
	}
	if len(m.Rules) > 0 {
		dst = append(dst, ']')
	}
	for i, f := range m.Failed {
		dst = appendMatchText(append(dst, opening(i, `,"failed":[`)...), `{"rule":`, f.Rule)
		dst = append(appendMatchText(dst, `,"reason":`, f.Reason), '}')
	}
	if len(m.Failed) > 0 {
		dst = append(dst, ']')
	}
	if m.Hops != 0 {
		dst = strconv.AppendInt(append(dst, `,"hops":`...), int64(m.Hops), 10)
	}
	if m.Origin != "" {
		dst = appendMatchText(dst, `,"origin":`, m.Origin)
	}
	if m.Schedule != "" {
		dst = appendMatchText(dst, `,"schedule":`, m.Schedule)
	}
	if m.Replay != "" {
		dst = appendMatchText(dst, `,"replay":`, m.Replay)
	}
	if m.ReplayID != "" {
		dst = appendMatchText(dst, `,"replay_id":`, m.ReplayID)
	}
	for i, rule := range m.ReplayRules {
		dst = appendMatchText(dst, opening(i, `,"replay_rules":[`), rule)
	}
	if len(m.ReplayRules) > 0 {
		dst = append(dst, ']')
	}
	return queue.Attribute{Name: attributeMatched, Type: "String", Value: append(dst, '}')}
}

func (r *MatchedRule) append(dst []byte) []byte {
	dst = appendMatchText(dst, `{"rule":`, r.Rule)
	if r.Paused {
		dst = append(dst, `,"paused":true`...)
	}
	for i := range r.Deliveries {
		dst = r.Deliveries[i].append(append(dst, opening(i, `,"deliveries":[`)...))
	}
	if len(r.Deliveries) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func (d *Delivery) append(dst []byte) []byte {
	dst = appendMatchText(dst, `{"id":`, d.ID)
	dst = appendMatchText(dst, `,"target":`, d.Target)
	dst = appendMatchText(dst, `,"kind":`, d.Kind)
	dst = appendMatchText(dst, `,"name":`, d.Name)
	dst = strconv.AppendUint(append(dst, `,"queue":`...), uint64(d.Queue), 10)
	if d.Error != "" {
		dst = appendMatchText(dst, `,"error":`, d.Error)
	}
	if d.DeadLetter != "" {
		dst = appendMatchText(dst, `,"dead_letter":`, d.DeadLetter)
	}
	return append(dst, '}')
}

// opening is what comes before the i-th element of an array.
func opening(i int, first string) string {
	if i == 0 {
		return first
	}
	return ","
}

// appendMatchText appends a key and its text. What needs an escape, a reason for people, is left to encoding/json.
func appendMatchText(dst []byte, key, s string) []byte {
	dst = append(dst, key...)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			if quoted, err := json.Marshal(s); err == nil { // a text always has a JSON form
				return append(dst, quoted...)
			}
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
