package ingest

import (
	"strings"

	"github.com/signalbox-mq/signalbox/event"
)

const (
	slackSignature = "X-Slack-Signature"
	slackTimestamp = "X-Slack-Request-Timestamp"
)

// verifySlack: X-Slack-Signature: v0=<hex HMAC-SHA256 of "v0:<timestamp>:<body>">.
// https://docs.slack.dev/authentication/verifying-requests-from-slack
func verifySlack(r *request) error {
	text, timestamp := r.header.Get(slackSignature), r.header.Get(slackTimestamp)
	if text == "" {
		return missing(slackSignature)
	}
	if timestamp == "" {
		return missing(slackTimestamp)
	}
	digits, ok := strings.CutPrefix(text, "v0=")
	if !ok {
		return invalidSignature("X-Slack-Signature does not begin with v0=")
	}
	mac, ok := decodeHex(digits)
	if !ok {
		return invalidSignature("X-Slack-Signature is not hexadecimal")
	}
	signed, err := signedTime(slackTimestamp, timestamp, false)
	if err != nil {
		return err
	}
	m := sha256Of([]byte("v0:"), []byte(timestamp), []byte(":"), r.body)
	if err := verdict(m.matchText(r.source.Secrets, [][]byte{mac}), slackSignature); err != nil {
		return err
	}
	return r.fresh(signed)
}

// readSlack: the Events API sends JSON, whose event_callback wraps the event; interactions are a
// form with a field payload of JSON; a slash command is a form.
func readSlack(r *request) (Delivery, error) {
	ev := event.Event{Source: r.defaultSource(), DataContentType: contentTypeJSON}
	if form, ok := r.form(); ok && !form.Has("payload") {
		if form.Get("command") == "" {
			return Delivery{}, malformed("the form has neither a payload nor a command")
		}
		ev.Type, ev.Subject, ev.Detail = "com.slack.slash_command", form.Get("command"), formJSON(form)
		return r.delivery(form.Get("trigger_id"), ev)
	}
	detail, err := r.jsonBody(true)
	if err != nil {
		return Delivery{}, err
	}
	top := members(detail, "type", "event", "event_id", "trigger_id", "challenge")
	kind, id := text(top[0]), text(top[2])
	switch kind {
	case "":
		return Delivery{}, malformed("the body has no type")
	case "url_verification":
		challenge := text(top[4])
		if challenge == "" {
			return Delivery{}, malformed("the url_verification has no challenge")
		}
		return Delivery{Challenge: challenge}, nil
	case "event_callback":
		if kind = text(lookup(top[1], "type")); kind == "" {
			return Delivery{}, malformed("the event_callback has no event.type")
		}
	default:
		if id == "" {
			id = text(top[3])
		}
	}
	ev.Type, ev.Detail = "com.slack."+kind, detail
	return r.delivery(id, ev)
}
