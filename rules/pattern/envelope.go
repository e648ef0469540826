package pattern

// ValidateEnvelope is the check of EventBridge's TestEventPattern: the event must be a JSON object with the members id,
// account, source, time, region and detail-type, whatever their values; AWS's documentation names resources too, but its
// service does not insist. It returns ErrInvalidEvent or nil.
func ValidateEnvelope(event []byte) error {
	if err := ValidateEvent(event); err != nil {
		return err
	}
	want := map[string]bool{"id": true, "account": true, "source": true, "time": true, "region": true, "detail-type": true}
	i := skipSpace(event, skipSpace(event, 0)+1)
	for event[i] != '}' {
		end, esc := stringEnd(event, i+1)
		key := event[i+1 : end]
		if esc {
			key = appendUnescaped(nil, key)
		}
		delete(want, string(key))
		i = skipSpace(event, end+1) // at the colon
		i = skipSpace(event, i+1)   // at the value
		i = skipSpace(event, skipValue(event, i))
		if event[i] == ',' {
			i = skipSpace(event, i+1)
		}
	}
	if len(want) > 0 {
		return ErrInvalidEvent
	}
	return nil
}
