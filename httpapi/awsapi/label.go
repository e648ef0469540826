package awsapi

// IsLabel says whether s is letters, digits, hyphens and underscores, at least one: the ids of a batch's entries, and the labels
// of permissions.
func IsLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}
