package pattern_test

import (
	"fmt"

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
