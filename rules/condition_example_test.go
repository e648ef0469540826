package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/rules"
)

func ExampleCompileCondition() {
	condition, err := rules.CompileCondition(`event.detail.customer.tier == "gold" and len(event.detail.items) > 3`)
	if err != nil {
		fmt.Println(err)
		return
	}
	env := rules.NewEnv(&event.Event{
		Source: "shop",
		Detail: json.RawMessage(`{"customer":{"tier":"gold"},"items":[1,2,3]}`),
	})
	fmt.Println(condition.Eval(env))
	fmt.Println(condition.Explain(env))
	// Output:
	// false <nil>
	// false: event.detail.customer.tier is "gold", event.detail.items is a list of 3
}

// Mistakes are found when the condition is loaded, with their place in it.
func ExampleConditionError() {
	_, err := rules.CompileCondition("event.source == \"shop\" and\nevent.detial.total > 100")
	var bad *rules.ConditionError
	if errors.As(err, &bad) {
		fmt.Printf("line %d, column %d\n", bad.Line, bad.Column)
	}
	// Output: line 2, column 7
}
