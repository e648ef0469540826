package destination

import (
	"crypto/sha256"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// UUIDOf returns the UUID of what a file declares in a table: the same whenever it is read, so that its ARN stays.
func UUIDOf(table string, name catalog.Name) string {
	sum := sha256.New()
	for _, part := range []string{table, name.Account, name.Region, name.Name} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	id := uuid.UUID(sum.Sum(nil)[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id.String()
}
