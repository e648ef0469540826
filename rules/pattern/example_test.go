package pattern_test

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/signalbox-mq/signalbox/rules/pattern"
)

func Example() {
	p, err := pattern.Compile([]byte(`{
		"source": ["shop.orders"],
		"detail": {"total": [{"numeric": [">=", 100]}], "country": [{"anything-but": ["US", "CA"]}]}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	matched, _ := p.Matches([]byte(`{"source": "shop.orders", "detail": {"total": 250, "country": "FR"}}`))
	fmt.Println(matched)

	why, matched, _ := p.Explain([]byte(`{"source": "shop.orders", "detail": {"total": 99.5, "country": "FR"}}`))
	fmt.Println(matched, why)
	// Output:
	// true
	// false detail.total: wants [{"numeric": [">=", 100]}], has 99.5
}

func ExampleCompile_error() {
	_, err := pattern.Compile([]byte(`{"detail": {"k": [{"EXISTS": true}]}}`))
	fmt.Println(err)
	// Output: Event pattern is not valid. Reason: Unrecognized match type EXISTS
}

func ExampleSyntaxError_AWSError() {
	_, err := pattern.Compile([]byte(`{"detail": {"k": "v"}}`))
	if bad, ok := errors.AsType[*pattern.SyntaxError](err); ok {
		fmt.Println(bad.Reason)
		fmt.Println(bad.Line, bad.Column)
		fmt.Println(bad.AWSError())
	}
	// Output:
	// "k" must be an object or an array
	// 1 19
	// Event pattern is not valid. Reason: "k" must be an object or an array
	//  at [Source: (String)"{"detail": {"k": "v"}}"; line: 1, column: 19]
}

func ExampleValidateEnvelope() {
	fmt.Println(pattern.ValidateEnvelope([]byte(`{"source": "shop"}`)))
	fmt.Println(pattern.ValidateEnvelope([]byte(`{"id": "1", "source": "shop", "account": "123456789012",
		"time": "2026-11-28T10:00:00Z", "region": "eu-central-1", "detail-type": "Order"}`)))
	// Output:
	// event is not a valid JSON object
	// <nil>
}

// Rules change while events are matched: readers take the newest index, and writers put a new one in its place.
func ExampleIndex_With() {
	var newest atomic.Pointer[pattern.Index]
	newest.Store(pattern.NewIndex())

	p, err := pattern.Compile([]byte(`{"source": [{"wildcard": "shop.*"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	newest.Store(newest.Load().With(pattern.Change{ID: 7, Pattern: p}))

	index := newest.Load() // stays as it is, whatever comes
	ids, _ := index.Match([]byte(`{"source": "shop.orders"}`), nil)
	fmt.Println(ids)
	// Output: [7]
}

func ExampleIndex() {
	index := pattern.NewIndex()
	for id, text := range []string{
		`{"source": ["shop.orders"]}`,
		`{"source": [{"prefix": "shop."}], "detail": {"total": [{"numeric": [">", 1000]}]}}`,
		`{"source": ["shop.stock"]}`,
	} {
		p, err := pattern.Compile([]byte(text))
		if err != nil {
			fmt.Println(err)
			return
		}
		index = index.With(pattern.Change{ID: pattern.ID(id), Pattern: p})
	}
	event := []byte(`{"source": "shop.orders", "detail": {"total": 5000}}`)
	ids, _ := index.Match(event, nil)
	fmt.Println(ids)

	smaller := index.With(pattern.Change{ID: 0}) // no pattern: the rule goes
	ids, _ = smaller.Match(event, ids[:0])
	fmt.Println(ids, index.Len(), smaller.Len())
	// Output:
	// [0 1]
	// [1] 3 2
}

func ExampleCompileFilter() {
	p, err := pattern.CompileFilter([]byte(`{"store": ["example_corp"], "price": [{"numeric": [">=", 100]}]}`), pattern.ScopeAttributes)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.MatchesAttributes([]pattern.Attribute{
		{Name: "store", Type: "String.Array", Value: []byte(`["example_corp", "other"]`)},
		{Name: "price", Type: "Number", Value: []byte("210.75")},
	}))
	// Output: true
}
