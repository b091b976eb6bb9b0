package portal

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(Options{})
	}
}

// BenchmarkRegister reads the whole register in gzip pages of 1,000 rows.
func BenchmarkRegister(b *testing.B) {
	handler := New(Options{}).Socrata()
	for b.Loop() {
		for offset := 0; offset < DefaultRegisterRows; offset += 1000 {
			request := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/resource/%s.json?$order=:id&$limit=1000&$offset=%d", RegisterID, offset), nil)
			request.Header.Set("Accept-Encoding", "gzip")
			answer := httptest.NewRecorder()
			if handler.ServeHTTP(answer, request); answer.Code != http.StatusOK {
				b.Fatal(answer.Code)
			}
		}
	}
}
