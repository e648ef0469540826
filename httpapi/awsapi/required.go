package awsapi

import "strconv"

// missing finds the first required member that a shape lacks, in its parts too, and returns where in the terms of Query:
// "QueueUrl", "SendMessageBatchRequestEntry.1.Id". It returns "" when there is none. The member known is told by something else
// and may be absent. The fields are scratch space.
func missing(s Shape, known string, scratch []Field) string {
	base := len(scratch)
	scratch = s.Fields(scratch)
	fields := scratch[base:]
	for i := range fields {
		f := &fields[i]
		if f.Required && f.Name != known && f.absent() {
			return f.wire()
		}
		switch to := f.To.(type) {
		case sequence:
			for k := range to.len() {
				if inner := missing(to.at(k), "", scratch); inner != "" {
					return f.wire() + "." + strconv.Itoa(k+1) + "." + inner
				}
			}
		case part:
			if p := to.get(); p != nil {
				if inner := missing(p, "", scratch); inner != "" {
					return f.wire() + "." + inner
				}
			}
		}
	}
	return ""
}
