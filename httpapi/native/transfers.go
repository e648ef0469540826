package native

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

type transfer struct {
	ID    string              `json:"id"`
	Kind  string              `json:"kind"`
	State queue.TransferState `json:"state"`
	// Bus and Rule are set for a transfer that brings retained events to a rule.
	Bus  string `json:"bus,omitempty"`
	Rule string `json:"rule,omitempty"`
	// Source is the queue that a redrive empties; Destination is absent if each message goes back to where it came from.
	Source      string    `json:"source,omitempty"`
	Destination string    `json:"destination,omitempty"`
	Started     time.Time `json:"started_at"`
	Ended       time.Time `json:"ended_at,omitzero"`
	// Total is how many messages there were to read when it was started; absent if that was not known.
	Total  *int64 `json:"total,omitempty"`
	Read   int64  `json:"read"`
	Copied int64  `json:"copied"`
	Bytes  int64  `json:"bytes"`
	Missed int64  `json:"missed"`
	Rate   int    `json:"rate,omitempty"`
	Error  string `json:"error,omitempty"`
}

func describeTransfer(t *queue.Transfer) transfer {
	out := transfer{
		ID: t.Name.Name, Kind: t.Kind, State: t.State, Started: t.Started, Ended: t.Ended,
		Read: t.Read, Copied: t.Copied, Bytes: t.Bytes, Missed: t.Missed, Rate: t.Rate, Error: t.Error,
	}
	if t.Total >= 0 {
		out.Total = &t.Total
	}
	if params, ok := rules.BackfillOf(t); ok {
		out.Bus, out.Rule = params.Bus, params.Rule
	}
	if redrive, ok := queue.RedriveOf(t); ok {
		out.Source = redrive.Source.Name
		if redrive.Destination != nil {
			out.Destination = redrive.Destination.Name
		}
	}
	return out
}

type transferList struct {
	Transfers []transfer `json:"transfers"`
	// Next is what to give as after for the rest; empty if there is none.
	Next string `json:"next,omitempty"`
}

// ListTransfers is GET /v1/transfers?after=NEXT: up to 100 transfers, the newest first, with those that have ended as long as
// they are remembered.
func (a *API) ListTransfers(r *http.Request) (any, error) {
	given, err := parameters(r, "after")
	if err != nil {
		return nil, err
	}
	all, _, err := a.Transfers.List(catalog.Query{Account: a.account, Region: a.region})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(x, y queue.Transfer) int { return newerFirst(pageOf(&x), pageOf(&y)) })
	if after := given["after"]; after != "" {
		page, err := parsePage(after)
		if err != nil {
			return nil, err
		}
		from, found := slices.BinarySearchFunc(all, page, func(t queue.Transfer, page transferPage) int { return newerFirst(pageOf(&t), page) })
		if found {
			from++
		}
		all = all[from:]
	}
	answer := transferList{Transfers: []transfer{}}
	for i := range all[:min(len(all), pageSize)] {
		answer.Transfers = append(answer.Transfers, describeTransfer(&all[i]))
	}
	if len(all) > pageSize {
		answer.Next = pageOf(&all[pageSize-1]).String()
	}
	return answer, nil
}

// transferPage is a place in the list of transfers, which stays good when the transfer there is forgotten.
type transferPage struct {
	started int64 // in nanoseconds
	id      string
}

func pageOf(t *queue.Transfer) transferPage { return transferPage{t.Started.UnixNano(), t.Name.Name} }

func newerFirst(x, y transferPage) int {
	return cmp.Or(cmp.Compare(y.started, x.started), cmp.Compare(y.id, x.id))
}

func (p transferPage) String() string { return strconv.FormatInt(p.started, 36) + "." + p.id }

func parsePage(s string) (transferPage, error) {
	started, id, ok := strings.Cut(s, ".")
	n, err := strconv.ParseInt(started, 36, 64)
	if !ok || err != nil {
		return transferPage{}, &badRequest{"after", fmt.Sprintf("must be the next of another answer, not %q", clip(s))}
	}
	return transferPage{n, id}, nil
}

// Transfer is GET /v1/transfers/{id}.
func (a *API) Transfer(r *http.Request) (any, error) {
	t, err := a.Transfers.Get(a.named(r, "id"))
	if err != nil {
		return nil, err
	}
	return describeTransfer(&t), nil
}

// CancelTransfer is POST /v1/transfers/{id}/cancel: it ends; what it has copied stays.
func (a *API) CancelTransfer(r *http.Request) (any, error) {
	return nil, a.Transfers.Cancel(r.Context(), a.named(r, "id"))
}

// ResumeTransfer is POST /v1/transfers/{id}/resume: a failed or held transfer goes on from where it was. One that a paused
// rule holds goes on when the rule does.
func (a *API) ResumeTransfer(r *http.Request) (any, error) {
	name := a.named(r, "id")
	t, err := a.Transfers.Get(name)
	if err != nil {
		return nil, err
	}
	held, err := a.Rules.Holds(&t)
	if err != nil {
		return nil, err
	}
	if held && t.State != queue.TransferRunning {
		return nil, fmt.Errorf("%w: %s", errRulePaused, name.Name)
	}
	replaced, err := a.Redrives.Replaced(&t)
	if err != nil {
		return nil, err
	}
	if replaced {
		return nil, fmt.Errorf("%w: another redrive of the queue has been started since %s", queue.ErrTransferEnded, name.Name)
	}
	return nil, a.Transfers.Resume(r.Context(), name)
}
