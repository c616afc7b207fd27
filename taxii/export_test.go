package taxii

// CheckEnvelope counts the objects of an envelope.
func CheckEnvelope(body []byte) (int, error) {
	_, details, err := open(body)
	return len(details), err
}
