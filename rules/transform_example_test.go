package rules_test

import (
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/rules"
)

func ExampleCompileTransform() {
	transform, err := rules.CompileTransform(rules.Transform{
		Paths:    map[string]string{"id": "$.detail.id", "skus": "$.detail.items[*].sku"},
		Template: `{"order": "<id>", "skus": <skus>, "rule": <aws.events.rule-name>}`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	event := []byte(`{"id":"1","detail-type":"order.created","source":"shop","detail":{"id":"o-17","items":[{"sku":"a"},{"sku":"b"}]}}`)
	body, err := transform.Apply(nil, event, rules.Vars{RuleName: "big-orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(body))
	// Output: {"order":"o-17","skus":["a","b"],"rule":"big-orders"}
}

// An event that a transform can not give a valid result for is a failure with a reason.
func ExampleCompiledTransform_Apply() {
	transform, err := rules.CompileTransform(rules.Transform{
		Paths:    map[string]string{"who": "$.detail.customer"},
		Template: `{"text": "for <who>"}`,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = transform.Apply(nil, []byte(`{"detail":{"customer":{"name":"Ada"}}}`), rules.Vars{})
	fmt.Println(errors.Is(err, rules.ErrTransform), err)
	// Output: true transform: <who> is an object inside quotes, which is not valid JSON
}

func ExamplePath_Text() {
	path, err := rules.CompilePath("$.detail.order_id")
	if err != nil {
		fmt.Println(err)
		return
	}
	group, ok := path.Text([]byte(`{"detail":{"order_id":17}}`))
	fmt.Println(group, ok)
	// Output: 17 true
}
