package sns

import "github.com/signalbox-mq/signalbox/topic"

func sequenceOf(p *topic.Published) string { return "" }

func replayStatus(f *subscriptionFacts) string { return "" }
