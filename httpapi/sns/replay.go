package sns

import (
	"encoding/json"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/topic"
)

const replayPolicy = "ReplayPolicy"

// replay is the attribute ReplayPolicy.
type replay struct {
	PointType     string
	StartingPoint string
	EndingPoint   string `json:",omitempty"`
}

func replayOf(f *subscriptionFacts) string {
	r := f.Subscription.Replay
	if r == nil {
		return ""
	}
	if text := f.Subscription.Kept[replayPolicy]; text != "" {
		return text
	}
	p := replay{PointType: "Timestamp", StartingPoint: r.From.UTC().Format(timeLayout)}
	if !r.Until.IsZero() {
		p.EndingPoint = r.Until.UTC().Format(timeLayout)
	}
	return jsonText(p)
}

func setReplay(f *subscriptionFacts, value string) *fault {
	r, fault := readReplay(f.of, value)
	if fault != nil {
		return fault
	}
	if r == nil {
		value = ""
	}
	f.Subscription.Replay = r
	keep(&f.Subscription.Kept, replayPolicy, value)
	return nil
}

// readReplay reads a replay policy of a subscription to a topic; nil for none.
func readReplay(of *topic.Topic, text string) (*topic.Replay, *fault) {
	if text == "" {
		return nil, nil
	}
	var members map[string]string
	if err := json.Unmarshal([]byte(text), &members); err != nil || members == nil {
		return nil, faultf("%s", notJSON)
	}
	if len(members) == 0 {
		return nil, nil
	}
	switch {
	case !of.FIFO:
		return nil, onlyFIFO()
	case of.Retention == 0:
		return nil, faultf("can only be set while the topic has an ArchivePolicy")
	}
	r := &topic.Replay{}
	for name, value := range members {
		at, err := time.Parse(time.RFC3339, value)
		switch {
		case name == "PointType" && value == "Timestamp":
		case name == "PointType":
			return nil, faultf("PointType must be Timestamp")
		case name != "StartingPoint" && name != "EndingPoint":
			return nil, faultf("unknown member %s", awsapi.Clip(name))
		case err != nil:
			return nil, faultf("%s must be a time in ISO 8601", name)
		case name == "StartingPoint":
			r.From = at.UTC()
		default:
			r.Until = at.UTC()
		}
	}
	switch {
	case members["PointType"] == "" || r.From.IsZero():
		return nil, faultf("PointType and StartingPoint are required")
	case !r.Until.IsZero() && !r.Until.After(r.From):
		return nil, faultf("EndingPoint must be after StartingPoint")
	}
	return r, nil
}
