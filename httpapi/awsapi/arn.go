package awsapi

import (
	"fmt"
	"strings"
)

// ARN is an Amazon Resource Name: arn:partition:service:region:account:resource.
type ARN struct {
	Service, Region, Account string
	// Resource may hold colons and slashes.
	Resource string
}

// String writes it in the partition aws.
func (a ARN) String() string {
	return "arn:aws:" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// ParseARN reads an ARN of any partition. It checks the form, not what it names.
func ParseARN(s string) (ARN, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ARN{}, fmt.Errorf("an ARN must have at least 6 elements and begin with arn, not %q", s)
	}
	return ARN{Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}, nil
}
