package source

import (
	"bytes"
	"encoding/json"
)

// unquote decodes a JSON string that the scanner has passed.
func unquote(raw []byte) string {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var t string
	if json.Unmarshal(raw, &t) != nil {
		return ""
	}
	return t
}

// isText says whether raw is a JSON string.
func isText(raw []byte) bool { return len(raw) >= 2 && raw[0] == '"' }

// isNull says whether raw is the JSON null.
func isNull(raw []byte) bool { return string(raw) == "null" }
