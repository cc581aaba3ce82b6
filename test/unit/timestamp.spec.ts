import { timestampSeconds } from "../../assembly/timestamp";
import { bytesOfText } from "./bytes";

function secondsOf(text: string): u32 {
  const bytes = bytesOfText(text);
  return timestampSeconds(bytes.dataStart, bytes.length);
}

class Sample {
  constructor(
    public text: string,
    public seconds: u32,
  ) {}
}

// By GNU date: `date -u -d TEXT +%s`.
const samples: Sample[] = [
  new Sample("1970-01-01T00:00:01Z", 1),
  new Sample("2027-01-31T00:00:00Z", 1801353600),
  new Sample("2027-01-31t00:00:00z", 1801353600),
  new Sample("2027-01-31T01:00:00+01:00", 1801353600),
  new Sample("2027-01-30T18:30:00-05:30", 1801353600),
  new Sample("2027-01-31T00:00:00.999Z", 1801353600),
  new Sample("2028-02-29T12:34:56Z", 1835440496),
  new Sample("2000-02-29T00:00:00Z", 951782400),
  new Sample("2106-02-07T06:28:15Z", 4294967295),
];

const refused: string[] = [
  "",
  "2027-01-31",
  "2027-01-31T00:00:00",
  "2027-01-31 00:00:00Z",
  "2027-13-01T00:00:00Z",
  "2027-00-01T00:00:00Z",
  "2027-02-29T00:00:00Z",
  "2100-02-29T00:00:00Z",
  "2027-01-32T00:00:00Z",
  "2027-01-31T24:00:00Z",
  "2027-01-31T00:60:00Z",
  "2027-01-31T00:00:61Z",
  "2027-01-31T00:00:00.Z",
  "2027-01-31T00:00:00ZZ",
  "2027-01-31T00:00:00+1:00",
  "2027-01-31T00:00:00+24:00",
  "2027-1-31T00:00:00Z",
  "x027-01-31T00:00:00Z",
  "1969-12-31T23:59:59Z",
  "2106-02-07T06:28:16Z",
  "9999-12-31T23:59:59Z",
];

describe("timestampSeconds", () => {
  it("reads RFC 3339", () => {
    for (let i = 0; i < samples.length; i++)
      expect(secondsOf(samples[i].text)).toBe(samples[i].seconds, samples[i].text);
  });

  it("gives 0 for anything else", () => {
    for (let i = 0; i < refused.length; i++) expect(secondsOf(refused[i])).toBe(<u32>0, refused[i]);
  });
});
