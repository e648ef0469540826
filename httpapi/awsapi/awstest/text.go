package awstest

import "encoding/json"

// Short keeps an input short enough for what a test tells.
func Short(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// Quoted is a text as JSON.
func Quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a text
	}
	return string(b)
}
