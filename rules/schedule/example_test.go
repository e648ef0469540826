package schedule_test

import (
	"fmt"
	"time"
	_ "time/tzdata"

	"github.com/signalbox-mq/signalbox/rules/schedule"
)

func Example() {
	e, err := schedule.Parse("cron(15 10 ? * 6L 2026-2030)") // 10:15 on the last Friday of each month
	if err != nil {
		fmt.Println(err)
		return
	}
	after := time.Date(2026, time.November, 28, 0, 0, 0, 0, time.UTC)
	for range 3 {
		due, ok := e.Next(after)
		fmt.Println(due.Format("Mon 2006-01-02 15:04"), ok)
		after = due
	}
	// Output:
	// Fri 2026-12-25 10:15 true
	// Fri 2027-01-29 10:15 true
	// Fri 2027-02-26 10:15 true
}

func ExampleExpression_From() {
	e, _ := schedule.Parse("rate(90 minutes)")
	e = e.From(time.Date(2026, time.November, 28, 12, 0, 20, 0, time.UTC))
	due, _ := e.Next(time.Date(2026, time.November, 28, 13, 45, 0, 0, time.UTC))
	fmt.Println(due.Format(time.TimeOnly))
	// Output: 15:00:20
}

func ExampleExpression_Latest() {
	e, _ := schedule.Parse("cron(0 3 * * ? *)")
	down := time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)
	due, n := e.Latest(down, down.Add(75*time.Hour))
	fmt.Println(due.Format(time.DateTime), n)
	// Output: 2026-11-23 03:00:00 3
}

func ExampleExpression_In() {
	paris, _ := time.LoadLocation("Europe/Paris")
	e, _ := schedule.Parse("cron(30 2 * * ? *)")
	e = e.In(paris)
	// On March 29th there is no 02:30 in Paris.
	due, _ := e.Next(time.Date(2026, time.March, 28, 12, 0, 0, 0, time.UTC))
	fmt.Println(due.In(paris))
	// Output: 2026-03-30 02:30:00 +0200 CEST
}

func ExampleSyntaxError() {
	_, err := schedule.Parse("cron(0 24 * * ? *)")
	fmt.Println(err)
	_, err = schedule.Parse("rate(1 minutes)")
	fmt.Println(err)
	// Output:
	// hours: 24 is not from 0 to 23 (at character 8)
	// the unit of 1 is minute, not minutes (at character 8)
}
