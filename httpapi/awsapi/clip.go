package awsapi

import "strings"

// Clip keeps what a client sent short enough to be part of a text: 1 KiB.
func Clip(s string) string { return clipTo(s, 1024) }

// clip is Clip for the texts of the protocols, which have less to tell.
func clip(s string) string { return clipTo(s, 200) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
