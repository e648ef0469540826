package awsapi

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// message and its batch are as large and as nested as the inputs of the hot path.
type message struct {
	ID, Group string
	Body      Text
	Delay     Int
	Values    []keyed
}

func (s *message) Fields(f []Field) []Field {
	return append(f,
		Field{Name: "Id", To: &s.ID, Required: true},
		Field{Name: "MessageBody", To: &s.Body, Required: true},
		Field{Name: "DelaySeconds", To: &s.Delay},
		Field{Name: "MessageAttributes", Wire: "MessageAttribute", To: Map(&s.Values)},
		Field{Name: "MessageGroupId", To: &s.Group},
	)
}

type batch struct{ Entries []message }

func (s *batch) Fields(f []Field) []Field {
	return append(f, Field{Name: "Entries", Wire: "Entry", To: List(&s.Entries)})
}

// benchBatch are messages of 1 KiB, and what they are in JSON and in Query.
func benchBatch(n int) (b batch, asJSON []byte, asQuery string) {
	query := url.Values{}
	for i := range n {
		m := message{ID: fmt.Sprint(i), Body: Text(strings.Repeat("x", 1024)), Values: []keyed{{"colour", "red"}, {"size", "7"}}}
		b.Entries = append(b.Entries, m)
		at := fmt.Sprintf("Entry.%d.", i+1)
		query.Set(at+"Id", m.ID)
		query.Set(at+"MessageBody", string(m.Body))
		for k, v := range m.Values {
			query.Set(fmt.Sprintf("%sMessageAttribute.%d.Name", at, k+1), v.Key)
			query.Set(fmt.Sprintf("%sMessageAttribute.%d.Value.Text", at, k+1), v.Value)
		}
	}
	var w jsonWriter
	w.shape(&b)
	return b, w.b, query.Encode()
}

func eachSize(b *testing.B, run func(b *testing.B, n int)) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			run(b, n)
		})
	}
}

func BenchmarkReadJSON(b *testing.B) {
	eachSize(b, func(b *testing.B, n int) {
		_, data, _ := benchBatch(n)
		b.SetBytes(int64(len(data)))
		var r jsonReader
		for b.Loop() {
			var in batch
			if err := r.readJSON(data, &in); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkWriteJSON(b *testing.B) {
	eachSize(b, func(b *testing.B, n int) {
		out, data, _ := benchBatch(n)
		b.SetBytes(int64(len(data)))
		var w jsonWriter
		for b.Loop() {
			w.b = w.b[:0]
			w.shape(&out)
		}
	})
}

func BenchmarkReadQuery(b *testing.B) {
	eachSize(b, func(b *testing.B, n int) {
		_, _, query := benchBatch(n)
		b.SetBytes(int64(len(query)))
		for b.Loop() {
			root, err := parseForm(query)
			if err != nil {
				b.Fatal(err)
			}
			var in batch
			if err := readQuery(root, &in); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkWriteXML(b *testing.B) {
	eachSize(b, func(b *testing.B, n int) {
		out, _, _ := benchBatch(n)
		w := xmlWriter{flat: true}
		for b.Loop() {
			w.b = w.b[:0]
			w.members(&out)
		}
		b.SetBytes(int64(len(w.b)))
	})
}

func BenchmarkMissing(b *testing.B) {
	eachSize(b, func(b *testing.B, n int) {
		in, _, _ := benchBatch(n)
		scratch := make([]Field, 0, 32)
		for b.Loop() {
			if name := missing(&in, "", scratch); name != "" {
				b.Fatal(name)
			}
		}
	})
}
