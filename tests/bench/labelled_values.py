"""Made-up values in their issuers' published formats, with check digits where there are any.

Each maker takes a generator of random numbers; no value belongs to anybody but by accident.
"""

import base64
import json
import string
from collections.abc import Callable
from random import Random
from typing import Final

UPPER_DIGITS: Final = string.ascii_uppercase + string.digits
ALNUM: Final = string.ascii_letters + string.digits
BASE64URL: Final = ALNUM + "-_"
HEX: Final = "0123456789abcdef"
DIGITS: Final = string.digits
Maker = Callable[[Random], str]


def some(random: Random, letters: str, count: int) -> str:
    return "".join(random.choices(letters, k=count))


def password(random: Random) -> str:
    """As a password manager makes it."""
    letters = [*some(random, ALNUM, 14), *some(random, DIGITS, 2), *some(random, "!#%+=_-", 2)]
    random.shuffle(letters)
    return "".join(letters)


def private_key(random: Random) -> str:
    kind = random.choice(["RSA ", "EC ", "OPENSSH ", ""])
    lines = "\n".join(some(random, ALNUM + "+/", 64) for _ in range(6))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def json_web_token(random: Random) -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    head = part({"alg": "HS256", "typ": "JWT"})
    body = part({"sub": some(random, DIGITS, 8), "exp": 1_700_000_000 + random.randrange(10**7)})
    return f"{head}.{body}.{some(random, BASE64URL, 43)}"


def connection_string(random: Random) -> str:
    scheme = random.choice(["postgres", "mysql", "mongodb+srv", "redis", "amqp"])
    host = random.choice(["db.internal", "10.2.0.14", "cache-01.corp.example"])
    return f"{scheme}://app:{some(random, ALNUM, 16)}@{host}/orders"


def assignment(random: Random) -> str:
    name = random.choice(["DB_PASSWORD", "api_secret", "client_secret", "access_token", "passwd"])
    sign = random.choice(["=", ": ", " = "])
    value = some(random, ALNUM, random.randrange(20, 41))
    quote = random.choice(["'", '"', ""])
    return f"{name}{sign}{quote}{value}{quote}"


def basic_authorization(random: Random) -> str:
    pair = f"svc-{some(random, string.ascii_lowercase, 5)}:{some(random, ALNUM, 18)}"
    return f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}"


CREDENTIALS: Final[dict[str, Maker]] = {
    "Alibaba Cloud access key id": lambda r: f"LTAI5t{some(r, ALNUM, 18)}",
    "AWS access key id": lambda r: f"AKIA{some(r, string.ascii_uppercase + '234567', 16)}",
    "Tencent Cloud secret id": lambda r: f"AKID{some(r, ALNUM, 32)}",
    "Google API key": lambda r: f"AIza{some(r, BASE64URL, 35)}",
    "OpenAI project key": lambda r: (
        f"sk-proj-{some(r, BASE64URL, 74)}T3BlbkFJ{some(r, BASE64URL, 74)}"
    ),
    "Anthropic key": lambda r: f"sk-ant-api03-{some(r, BASE64URL, 93)}AA",
    "DashScope key": lambda r: f"sk-{some(r, HEX, 32)}",
    "Hugging Face token": lambda r: f"hf_{some(r, string.ascii_letters, 34)}",
    "GitHub token": lambda r: f"{r.choice(['ghp', 'gho', 'ghs'])}_{some(r, ALNUM, 36)}",
    "GitHub fine-grained token": lambda r: f"github_pat_{some(r, ALNUM, 22)}_{some(r, ALNUM, 59)}",
    "GitLab token": lambda r: f"glpat-{some(r, BASE64URL, 20)}",
    "npm token": lambda r: f"npm_{some(r, ALNUM, 36)}",
    "Stripe secret key": lambda r: f"sk_live_{some(r, ALNUM, 24)}",
    "Slack bot token": lambda r: (
        f"xoxb-{some(r, DIGITS, 12)}-{some(r, DIGITS, 13)}-{some(r, ALNUM, 24)}"
    ),
    "SendGrid key": lambda r: f"SG.{some(r, BASE64URL, 22)}.{some(r, BASE64URL, 43)}",
    "Telegram bot token": lambda r: f"{r.randrange(10**9, 10**10)}:AA{some(r, BASE64URL, 33)}",
    "Azure storage key": lambda r: f"AccountKey={some(r, ALNUM + '+/', 86)}==",
    "private key": private_key,
    "JSON web token": json_web_token,
    "connection string": connection_string,
    "assignment": assignment,
    "basic authorization": basic_authorization,
    "password in words": lambda r: f"{r.choice(['密码是', 'the password is '])}{password(r)}",
}


def luhn(random: Random, prefix: str, length: int) -> str:
    """ISO/IEC 7812-1, annex B."""
    digits = prefix + some(random, DIGITS, length - len(prefix) - 1)
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def grouped(random: Random, digits: str) -> str:
    sign = random.choice(["", " ", "-"])
    return sign.join(digits[at : at + 4] for at in range(0, len(digits), 4))


def resident_id(random: Random) -> str:
    """GB 11643-1999: county, date of birth, order, and ISO/IEC 7064 MOD 11-2."""
    county = random.choice(["330106", "110105", "440305", "510107", "310115", "420106"])
    date = f"{random.randrange(1950, 2010)}{random.randrange(1, 13):02}{random.randrange(1, 29):02}"
    digits = county + date + some(random, DIGITS, 3)
    rest = sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(digits)) % 11
    return digits + "10X98765432"[rest]


def iban(random: Random) -> str:
    """ISO 13616, of Germany: two check digits, 18 digits."""
    account = some(random, DIGITS, 18)
    check = 98 - int(f"{account}131400") % 97
    whole = f"DE{check:02}{account}"
    sign = random.choice(["", " "])
    return sign.join(whole[at : at + 4] for at in range(0, 22, 4))


def mobile(random: Random) -> str:
    digits = random.choice(["138", "139", "150", "177", "186", "199"]) + some(random, DIGITS, 8)
    sign = random.choice(["", " ", "-"])
    prefix = random.choice(["", "", "+86 ", "0086"])
    return prefix + sign.join((digits[:3], digits[3:7], digits[7:]))


def french_number(random: Random) -> str:
    """NIR: 13 digits and 97 less their remainder."""
    head = f"{random.randrange(1, 3)}{random.randrange(50, 99)}{random.randrange(1, 13):02}"
    digits = f"{head}{random.randrange(10, 95)}{some(random, DIGITS, 6)}"
    return f"{digits}{97 - int(digits) % 97:02}"


def brazilian_number(random: Random) -> str:
    """CPF: nine digits and two check digits."""
    digits = some(random, DIGITS, 9)
    for _ in range(2):
        total = sum(
            int(digit) * weight
            for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True)
        )
        digits += str(total * 10 % 11 % 10)
    return f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"


def address(random: Random) -> str:
    city = random.choice(
        ["浙江省杭州市西湖区文三路", "上海市徐汇区漕溪北路", "成都市武侯区天府大道"]
    )
    house, block = random.randrange(1, 900), random.randrange(1, 30)
    return f"{city}{house}号{block}幢{random.randrange(101, 2505)}室"


def plate(random: Random) -> str:
    place = random.choice("京沪粤浙苏川鲁") + random.choice("ABCDEF")
    return f"{place}{random.choice(['', '·'])}{some(random, DIGITS + 'ABCDEFGHJK', 5)}"


def e_mail(random: Random) -> str:
    name = random.choice(["wei.zhang", "anna_k", "j.smith", "li-na", "tom"])
    domain = random.choice(["gmail.com", "qq.com", "corp-mail.cn", "posteo.de"])
    return f"{name}{random.randrange(10, 9999)}@{domain}"


def social_security(random: Random) -> str:
    return f"{random.randrange(100, 665)}-{random.randrange(10, 99)}-{random.randrange(1000, 9999)}"


PERSONAL: Final[dict[str, Maker]] = {
    "Chinese resident id": resident_id,
    "Chinese mobile phone": mobile,
    "Chinese landline": lambda r: f"电话：0571-8{some(r, DIGITS, 7)}",
    "Chinese bank card": lambda r: grouped(r, luhn(r, "6222", 19)),
    "payment card": lambda r: grouped(r, luhn(r, r.choice(["4", "51", "55"]), 16)),
    "IBAN": iban,
    "e-mail address": e_mail,
    "US social security number": lambda r: f"SSN {social_security(r)}",
    "Chinese passport": lambda r: f"护照号码 E{some(r, DIGITS, 8)}",
    "Chinese plate": plate,
    "Chinese address": address,
    "QQ number": lambda r: f"{r.choice(['QQ：', '我的QQ是', 'QQ号 '])}{r.randrange(10**7, 10**10)}",
    "WeChat id": lambda r: f"{r.choice(['微信号：', '加我微信 '])}wx_{some(r, ALNUM.lower(), 9)}",
    "French social number": french_number,
    "Brazilian tax number": brazilian_number,
    "international phone": lambda r: f"call me: +44 20 {some(r, DIGITS, 4)} {some(r, DIGITS, 4)}",
}
