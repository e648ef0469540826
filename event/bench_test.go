package event_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/event"
)

// An event of about 1 KiB, as a CloudEvent.
var (
	benchData = `{"order_id":"A-1007","total":250.5,"customer":{"id":42,"tier":"gold","email":"a@example.com"},"items":[` +
		strings.Repeat(`{"sku":"SKU-12345","quantity":3,"price":9.99,"name":"A thing with a name"},`, 10) + `{"sku":"x"}]}`
	benchStructured = `{"specversion":"1.0","id":"A234-1234-1234","source":"/shop","type":"order.created","subject":"7",` +
		`"time":"2026-11-23T17:56:28Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":` + benchData + `}`
	benchPlain = `{"source":"shop","type":"order.created","data":` + benchData + `}`
)

func benchEvent(b *testing.B, structured bool) event.Event {
	b.Helper()
	if structured {
		e, err := intake().DecodeStructured([]byte(benchStructured))
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	events, err := intake().DecodePlain([]byte(benchPlain))
	if err != nil {
		b.Fatal(err)
	}
	return events[0]
}

func BenchmarkDecode(b *testing.B) {
	in := intake()
	b.Run("plain", func(b *testing.B) {
		body := []byte(benchPlain)
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := in.DecodePlain(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("structured", func(b *testing.B) {
		body := []byte(benchStructured)
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := in.DecodeStructured(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("binary", func(b *testing.B) {
		body, header := []byte(benchData), ceHeaders("Ce-Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := in.DecodeBinary(header, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name       string
		structured bool
	}{{"plain", false}, {"cloudevent", true}} {
		b.Run(c.name, func(b *testing.B) {
			e := benchEvent(b, c.structured)
			form := e.AppendEventBridge(nil)
			b.SetBytes(int64(len(form)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := event.Parse(form); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("floor-encoding-json-Valid", func(b *testing.B) { // what checking alone costs in the library
		e := benchEvent(b, true)
		form := e.AppendEventBridge(nil)
		b.SetBytes(int64(len(form)))
		for b.Loop() {
			if !json.Valid(form) {
				b.Fatal("not valid")
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	plain, ce := benchEvent(b, false), benchEvent(b, true)
	buf := make([]byte, 0, 4096)
	for _, c := range []struct {
		name string
		run  func([]byte) []byte
	}{
		{"eventbridge/plain", plain.AppendEventBridge}, {"eventbridge/cloudevent", ce.AppendEventBridge},
		{"structured/plain", plain.AppendStructured}, {"structured/cloudevent", ce.AppendStructured},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = c.run(buf[:0])
			}
			b.SetBytes(int64(len(buf)))
		})
	}
	b.Run("binary/cloudevent", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ce.Binary(make(http.Header, 12))
		}
	})
}

func BenchmarkNewID(b *testing.B) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			event.NewID(arrival)
		}
	})
}
