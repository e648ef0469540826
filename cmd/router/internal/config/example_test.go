package config_test

import (
	"fmt"
	"os"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
)

func ExampleLoad() {
	_, err := config.Load("router.yaml", []byte(`
queues:
  orders: {visibilty_timeout: 30s}
rules:
  - name: big-orders
    if: event.detail.total > 100 and
    targets: [{queue: ordres}]
`), os.LookupEnv)
	fmt.Println(err)
	// Output:
	// router.yaml:3:12: queues.orders.visibilty_timeout is an unknown key; did you mean visibility_timeout?
	// router.yaml:6:36: rules[0].if is not a valid condition: unexpected token EOF
	// router.yaml:7:23: rules[0].targets[0].queue names a queue that is not in the file: "ordres"; did you mean "orders"?
}
