package value

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// hashLength is the length of the hash at the end of a shortened name, with its sign.
const hashLength = 1 + 2*8

// ShortName returns a name of at most so many bytes: a longer one keeps its beginning and ends in a hash of the whole,
// so that two names stay two. It is for keys and labels, whose length has a limit.
func ShortName(name string, most int) string {
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	start := strings.ToValidUTF8(name[:most-hashLength], "")
	return start + "~" + hex.EncodeToString(sum[:(hashLength-1)/2])
}
