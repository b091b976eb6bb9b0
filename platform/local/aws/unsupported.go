package aws

import "github.com/johannesboyne/gofakes3"

// errUnsupported is the error of the operations of gofakes3's interfaces that Llac never requests.
var errUnsupported = gofakes3.ErrorMessage(gofakes3.ErrNotImplemented, "the local cloud does not support this operation of S3")

// ListBuckets implements gofakes3.Backend.
func (o *objects) ListBuckets() ([]gofakes3.BucketInfo, error) { return nil, errUnsupported }

// DeleteBucket implements gofakes3.Backend.
func (o *objects) DeleteBucket(string) error { return errUnsupported }

// ForceDeleteBucket implements gofakes3.Backend.
func (o *objects) ForceDeleteBucket(string) error { return errUnsupported }

// DeleteMulti implements gofakes3.Backend.
func (o *objects) DeleteMulti(string, ...string) (gofakes3.MultiDeleteResult, error) {
	return gofakes3.MultiDeleteResult{}, errUnsupported
}

// CopyObject implements gofakes3.Backend.
func (o *objects) CopyObject(_, _, _, _ string, _ map[string]string) (gofakes3.CopyObjectResult, error) {
	return gofakes3.CopyObjectResult{}, errUnsupported
}

// ListParts implements gofakes3.MultipartBackend.
func (o *objects) ListParts(_, _ string, _ gofakes3.UploadID, _ int, _ int64) (*gofakes3.ListMultipartUploadPartsResult, error) {
	return nil, errUnsupported
}

// ListMultipartUploads implements gofakes3.MultipartBackend.
func (o *objects) ListMultipartUploads(string, *gofakes3.UploadListMarker, gofakes3.Prefix, int64) (
	*gofakes3.ListMultipartUploadsResult, error,
) {
	return nil, errUnsupported
}

// CompleteMultipartUpload implements gofakes3.MultipartBackend. No request reaches it: the handler calls complete, because
// gofakes3 ignores the conditions of the request.
func (o *objects) CompleteMultipartUpload(
	string, string, gofakes3.UploadID, *gofakes3.CompleteMultipartUploadRequest,
) (gofakes3.VersionID, string, error) {
	return "", "", errUnsupported
}
