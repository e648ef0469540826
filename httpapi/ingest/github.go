package ingest

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/signalbox-mq/signalbox/event"
)

const (
	githubSignature = "X-Hub-Signature-256"
	githubDelivery  = "X-Github-Delivery"
	githubEvent     = "X-Github-Event"
)

// verifyGitHub: X-Hub-Signature-256: sha256=<hex HMAC-SHA256 of the body>. There is no time in it.
// The older X-Hub-Signature (SHA-1) is not accepted.
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
func verifyGitHub(r *request) error {
	text := r.header.Get(githubSignature)
	if text == "" {
		return fmt.Errorf("%w; set a secret for the webhook at GitHub", missing("X-Hub-Signature-256"))
	}
	digits, ok := strings.CutPrefix(text, "sha256=")
	if !ok {
		return invalidSignature("X-Hub-Signature-256 does not begin with sha256=")
	}
	mac, ok := decodeHex(digits)
	if !ok {
		return invalidSignature("X-Hub-Signature-256 is not hexadecimal")
	}
	return verdict(sha256Of(r.body).matchText(r.source.Secrets, [][]byte{mac}), "X-Hub-Signature-256")
}

// readGitHub follows the CloudEvents adapter for GitHub: id is X-GitHub-Delivery, type
// com.github.<event>.<action>, source the repository's url. What the adapter leaves open: events
// without an action (push, ping) are com.github.<event>; events without a repository have the
// organization's url as source, and those without either have "github".
func readGitHub(r *request) (Delivery, error) {
	name := r.header.Get(githubEvent)
	if name == "" {
		return Delivery{}, malformed("there is no X-GitHub-Event header")
	}
	detail, err := r.jsonBody(true)
	if err != nil {
		return Delivery{}, err
	}
	subject := githubSubject(name)
	top := members(detail, "action", "repository", "organization", subject[0])
	ev := event.Event{Type: "com.github." + name, Detail: detail, DataContentType: contentTypeJSON}
	if action := text(top[0]); action != "" {
		ev.Type += "." + action
	}
	ev.Source = "github"
	for _, owner := range top[1:3] {
		if u := text(lookup(owner, "url")); u != "" {
			ev.Source = u
			break
		}
	}
	ev.Subject = text(lookup(top[3], subject[1:]...))
	return r.delivery(r.header.Get(githubDelivery), ev)
}

// githubSubject is the path of what an event of that name is about: a number where GitHub shows one
// to people, else an id or a git ref.
func githubSubject(name string) []string {
	switch name {
	case "push", "create", "delete", "workflow_dispatch":
		return []string{"ref"}
	case "issues":
		return []string{"issue", "number"}
	case "pull_request":
		return []string{"pull_request", "number"}
	case "discussion":
		return []string{"discussion", "number"}
	case "milestone":
		return []string{"milestone", "number"}
	case "issue_comment", "commit_comment", "pull_request_review_comment", "discussion_comment":
		return []string{"comment", "id"}
	case "pull_request_review":
		return []string{"review", "id"}
	case "release":
		return []string{"release", "tag_name"}
	case "status":
		return []string{"sha"}
	case "fork":
		return []string{"forkee", "full_name"}
	case "deploy_key":
		return []string{"key", "id"}
	case "label":
		return []string{"label", "name"}
	case "check_run", "check_suite", "deployment", "deployment_status", "installation", "package",
		"project", "project_card", "project_column", "workflow_run", "workflow_job", "team":
		return []string{name, "id"}
	}
	return []string{""}
}

// formPayload is the field that GitHub and Slack put their JSON in when the body is a form.
func formPayload(form url.Values) ([]byte, bool) {
	if !form.Has("payload") {
		return nil, false
	}
	return []byte(form.Get("payload")), true
}
