package sns

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/topic"
)

// The attributes that only FIFO topics have. On a standard topic they may be set to what they are there, and are not shown.

func contentBased(f *topicFacts) string {
	if !f.Topic.FIFO {
		return ""
	}
	return booleanText(f.Topic.ContentBasedDeduplication)
}

func setContentBased(t *topic.Topic, value string) *fault {
	on, f := readBoolean(value)
	if f != nil {
		return f
	}
	if on && !t.FIFO {
		return &fault{reason: "Content-based deduplication can only be set for FIFO topics", whole: true}
	}
	t.ContentBasedDeduplication = on
	return nil
}

func throughputScope(f *topicFacts) string {
	switch f.Topic.DeduplicationScope {
	case topic.ScopeGroup:
		return "MessageGroup"
	case topic.ScopeTopic:
		return "Topic"
	}
	return ""
}

func setThroughputScope(t *topic.Topic, value string) *fault {
	scope := ""
	switch value {
	case "Topic":
		scope = topic.ScopeTopic
	case "MessageGroup":
		scope = topic.ScopeGroup
	default:
		return faultf("Invalid value [%s]. Must be Topic or MessageGroup.", awsapi.Clip(value))
	}
	if !t.FIFO {
		return onlyFIFO()
	}
	t.DeduplicationScope = scope
	return nil
}

func onlyFIFO() *fault { return faultf("can only be set for FIFO topics") }

const day = 24 * time.Hour

// maxArchiveDays is the longest time for which messages can be archived.
const maxArchiveDays = 365

func archivePolicy(f *topicFacts) string {
	if f.Topic.Retention == 0 {
		return ""
	}
	return fmt.Sprintf(`{"MessageRetentionPeriod":"%d"}`, time.Duration(f.Topic.Retention)/day)
}

func setArchivePolicy(t *topic.Topic, value string) *fault {
	days, f := archiveDays(value)
	if f != nil {
		return f
	}
	if days > 0 && !t.FIFO {
		return onlyFIFO()
	}
	t.Retention = duration.Duration(time.Duration(days) * day)
	return nil
}

// archiveDays reads an archive policy: for how many days messages are kept, 0 for not at all.
func archiveDays(text string) (int, *fault) {
	if text == "" {
		return 0, nil
	}
	var policy map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &policy); err != nil || policy == nil {
		return 0, faultf("%s", notJSON)
	}
	if len(policy) == 0 {
		return 0, nil
	}
	const name = "MessageRetentionPeriod"
	raw, ok := policy[name]
	if !ok || len(policy) > 1 {
		return 0, faultf("must have %s and nothing else", name)
	}
	number := string(raw)
	if json.Unmarshal(raw, &number) != nil {
		number = string(raw)
	}
	days, err := strconv.Atoi(number)
	if err != nil || days < 1 || days > maxArchiveDays {
		return 0, faultf("%s must be between 1 and %d days", name, maxArchiveDays)
	}
	return days, nil
}
