"""The window while the desk opens: what is being started, and what went wrong if it did not start."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from kiosk.errors import Problem
from ui.i18n import tr
from ui.widgets.basics import ActionButton, Icon, ProblemPanel, column, label, row

# What `open_kiosk` says it is doing -> our word for it.
STEPS = {
    "keys": "start.keys",
    "lab certificates": "start.certificates",
    "database": "start.database",
    "simulated devices": "start.devices",
    "registry": "start.registry",
}


class StartupWindow(QWidget):
    """Name, step and an endless bar; on failure text and advice."""

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("startup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Shekara")
        self.setMinimumSize(560, 300)
        body = column(margins=32, gap=12)
        self.setLayout(body)
        head = row(gap=16)
        head.addWidget(Icon("passport", 48, "accent"))
        names = column(gap=0)
        names.addWidget(label("title", text="Shekara"))
        self.step = label("muted", key="start.title")
        names.addWidget(self.step)
        head.addLayout(names, 1)
        body.addLayout(head)
        body.addSpacing(16)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        body.addWidget(self.bar)
        self.problem = ProblemPanel()
        self.detail = label("caption", wrap=True)
        self.problem.body.addWidget(self.detail)
        body.addWidget(self.problem)
        body.addStretch(1)
        self.close_button = ActionButton("start.close", cap="Esc")
        self.close_button.hide()
        foot = row()
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        body.addLayout(foot)
        self.close_button.clicked.connect(self.closed)

    def show_step(self, step: str) -> None:
        """`step` is what the opening said."""
        self.step.setText(tr(STEPS[step]) if step in STEPS else tr("start.title"))

    def show_problem(self, problem: Problem, detail: str = "") -> None:
        """Text and advice of the problem; below, small, its code and detail for whoever is called."""
        self.step.setText(tr("start.failed"))
        self.bar.hide()
        self.problem.show_code(problem.code)
        self.detail.setText(f"{problem.code}: {detail}" if detail else problem.code)
        self.close_button.show()
        self.close_button.setFocus(Qt.FocusReason.OtherFocusReason)
