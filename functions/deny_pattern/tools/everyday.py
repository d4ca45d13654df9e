"""Sentences of any working day, written for this list: a rule that finds something is noisy."""

from typing import Final

SENTENCES: Final = (
    "Could you summarise the attached minutes in five bullet points?",
    "The build failed on line 42 with exit code 1 after 3 minutes and 7 seconds.",
    "Please translate this paragraph into French and keep the tone polite.",
    "Our revenue grew by 12.5 % in Q3, from 1,204,000 to 1,354,500.",
    "Write a Python function that returns the n-th prime number.",
    "SELECT id, name FROM orders WHERE created_at > '2024-03-01' LIMIT 100;",
    "The meeting moves from 10:30 to 14:00 on Thursday, room 3.12.",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 fixes the flaky test",
    "Version 2.14.0 needs at least 512 MB of memory and 20 GB of disk.",
    "What is the capital of Australia, and how many people live there?",
    "Dear team, thank you for your patience while we sort out the invoices.",
    "GET /api/v1/items?page=2&size=50 HTTP/1.1 200 5123 0.034",
    "请帮我把下面这段话翻译成英文，语气要礼貌。",
    "第三季度的收入同比增长了百分之十二点五。",
    "会议改到星期四下午两点，在三楼的会议室。",
    "用 Python 写一个函数，返回第 n 个质数。",
    "这个版本需要 512 MB 内存和 20 GB 磁盘空间。",
    "请总结这份会议纪要的五个要点。",
    "今天的天气怎么样？需要带伞吗？",
    "构建在第 42 行失败，退出码为 1，用时 3 分 7 秒。",
    "订单编号 20240315001234 的包裹已经发出，预计三天后到达。",
    "请写一封感谢信，感谢客户多年来的支持。",
    "二〇二四年三月一日起执行新的考勤制度。",
    "这道菜需要两个鸡蛋、三百克面粉和一小勺盐。",
)
